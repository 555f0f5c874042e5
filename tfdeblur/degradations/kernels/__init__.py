"""Point spread functions, as pure functions of a numpy Generator.

Every `*_psf` function returns a float32 array of odd sides that is non-negative and sums to 1, with
its centroid within one pixel of the centre. `*_psf(rng)` functions also return their drawn
parameters, numbers by name.

| family | file | source |
|---|---|---|
| disc and random walk | text.py | Hradiš et al. 2015; SCGAN |
| trajectory | trajectory.py | Boracchi and Foi 2012; Qi et al. |
| spline | spline.py | Chakrabarti 2016; WRFN |
| Gaussian | gaussian.py | the usual stand-in for an unknown lens |
| wide | wide.py | ours: all of these kinds, for arbitrary photographs |
"""

from tfdeblur.degradations.kernels.gaussian import (
    GAUSSIAN_SIGMAS,
    gaussian_psf,
    random_gaussian_psf,
)
from tfdeblur.degradations.kernels.mirrored import blur_mirrored
from tfdeblur.degradations.kernels.psf import blur, centre_psf, check_psf, combine_psfs, splat
from tfdeblur.degradations.kernels.spline import (
    SPLINE_EXTENTS,
    SPLINE_PSF_SIZE,
    cubic_spline,
    spline_psf,
)
from tfdeblur.degradations.kernels.text import (
    DISC_RADIUS_MAX,
    TEXT_PSF_SIZE_MAX,
    WALK_SIZES,
    disc_psf,
    random_walk_psf,
    text_psf,
)
from tfdeblur.degradations.kernels.trajectory import (
    ANXIETIES,
    EXPOSURES,
    TRAJECTORY_SIZES,
    trajectory,
    trajectory_psf,
)
from tfdeblur.degradations.kernels.wide import WIDE_SHARES, WIDE_SIZES, filling_psf, wide_psf

__all__ = [
    "ANXIETIES",
    "DISC_RADIUS_MAX",
    "EXPOSURES",
    "GAUSSIAN_SIGMAS",
    "SPLINE_EXTENTS",
    "SPLINE_PSF_SIZE",
    "TEXT_PSF_SIZE_MAX",
    "TRAJECTORY_SIZES",
    "WALK_SIZES",
    "WIDE_SHARES",
    "WIDE_SIZES",
    "blur",
    "blur_mirrored",
    "centre_psf",
    "check_psf",
    "combine_psfs",
    "cubic_spline",
    "disc_psf",
    "filling_psf",
    "gaussian_psf",
    "random_gaussian_psf",
    "random_walk_psf",
    "spline_psf",
    "splat",
    "text_psf",
    "trajectory",
    "trajectory_psf",
    "wide_psf",
]
