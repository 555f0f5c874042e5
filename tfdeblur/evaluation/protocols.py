"""Named protocols of PSNR and SSIM: colours and cropped border.

| name | colours | border cropped on each side | used by |
|---|---|---|---|
| `rgb` | RGB | none | deblurring papers; the default here |
| `rgb_crop` | RGB | `scale` px | |
| `y` | MATLAB's studio-range luma | none | |
| `y_crop` | MATLAB's studio-range luma | `scale` px | super-resolution papers |

All compare 8-bit images in float64. Scores under different protocols are not comparable: luma alone
adds 1.32 dB to grey images.
"""

import dataclasses

import numpy as np

from tfdeblur.metrics import fidelity

_PRESETS = {"rgb": ("rgb", 0), "rgb_crop": ("rgb", 1), "y": ("y", 0), "y_crop": ("y", 1)}
PROTOCOLS = tuple(_PRESETS)
DEFAULT = "rgb"


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How images are compared.

    Attributes:
      name: as shown in reports.
      colour: "rgb" or "y" (see `tfdeblur.metrics.fidelity.psnr`).
      crop_border: pixels cropped from each side first.
    """

    name: str
    colour: str = "rgb"
    crop_border: int = 0

    @property
    def description(self) -> str:
        """One line to accompany each score."""
        colour = {"rgb": "RGB", "y": "MATLAB luma (Y)"}[self.colour]
        border = f"{self.crop_border} px cropped" if self.crop_border else "no crop"
        return f"{colour}, {border}, 8-bit, mean over images, PSNR capped at 100 dB"

    @property
    def minimum_size(self) -> int:
        """The smallest height and width in pixels that SSIM can be computed on."""
        return fidelity.SSIM_WINDOW + 2 * self.crop_border

    def psnr(self, restored: np.ndarray, target: np.ndarray) -> float:
        """Return PSNR in dB, at most 100; images `[H, W, 3] uint8`."""
        value = fidelity.psnr(restored, target, colour=self.colour, crop_border=self.crop_border)
        return fidelity.cap_psnr(value)

    def ssim(self, restored: np.ndarray, target: np.ndarray) -> float:
        """Return SSIM; images `[H, W, 3] uint8` of at least `minimum_size` px."""
        return fidelity.ssim(restored, target, colour=self.colour, crop_border=self.crop_border)


def make_protocol(name: str = DEFAULT, scale: int = 1) -> Protocol:
    """Return the preset `name` for images enlarged by `scale`.

    Raises:
      ValueError: no preset has that name.
    """
    if name not in _PRESETS:
        raise ValueError(f"`protocol` must be one of {', '.join(PROTOCOLS)}. Got: {name!r}.")
    colour, scales = _PRESETS[name]
    return Protocol(name, colour, scales * scale)
