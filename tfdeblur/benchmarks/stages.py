"""The time of making a pair by stage: kernel, blur, noise, resizing, rounding, PNG encoding."""

import cProfile
import pstats
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tfdeblur.degradations.recipes import Pair

REST = "rest"
STAGES = {  # By stage, the names of functions whose whole time belongs to it.
    "kernel": ("text_psf", "trajectory_psf", "spline_psf", "draw_motion", "motion_flow"),
    "blur": ("blur", "blur_mirrored", "blur_masked", "warp_blur"),
    "noise": ("add_noise",),
    "resize": ("resize_bicubic",),
    "8 bit": ("round_levels",),
    "PNG": ("encode_png",),
}

Function = tuple[str, int, str]  # File, line and name, as in the profiler.


def shares(make: Callable[[int], Any], seconds: float) -> tuple[dict[str, float], float]:
    """Profile one of our recipes and the encoding of its images, as in `data build`.

    Args:
      make: takes the call's number, returns a `Pair`, or a kernel, which is not encoded.
      seconds: least CPU time to run for.

    Returns:
      Shares by stage, including `rest`, that sum to 1, and the milliseconds of CPU time for a pair
      and its encoding, measured without the profiler.
    """
    from tfdeblur.data.build.shards import encode_png  # It loads TensorFlow.

    def call(number: int) -> None:
        for image in images_of(make(number)):
            encode_png(image)

    count, start = 0, time.process_time()
    while (passed := time.process_time() - start) < seconds or count == 0:
        call(count)
        count += 1
    profile = cProfile.Profile()  # Traces only calls, so it does not slow loops down.
    profile.enable()
    for number in range(count):
        call(number)
    profile.disable()
    return by_stage(profile), 1000 * passed / count


def images_of(made: Any) -> list[np.ndarray]:
    """List a pair's images; a kernel has none."""
    return [made.degraded, made.target, *made.extras.values()] if isinstance(made, Pair) else []


def by_stage(profile: cProfile.Profile) -> dict[str, float]:
    """Divide the profiled time among the stages.

    A function's time goes to the stage that calls it, divided in proportion among several callers;
    to its own stage if it has no caller.
    """
    # Function -> (calls, non-recursive calls, own time, whole time, these four by caller).
    stats: dict[Function, tuple] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    known: dict[Function, dict[str, float]] = {}

    def belongs(function: Function) -> dict[str, float]:
        if function in known:
            return known[function]
        known[function] = {REST: 1.0}  # For a function that calls itself.
        callers = {name: times[3] for name, times in stats[function][4].items()}
        whole = sum(callers.values())
        found = dict.fromkeys((*STAGES, REST), 0.0)
        for caller, spent in callers.items():
            for stage, share in belongs(caller).items():
                found[stage] += share * spent / whole if whole else 0.0
        if not whole:
            found[REST] = 1.0
        own_stage = _own_stage(function[2])
        if own_stage is not None:
            found[own_stage] += found.pop(REST)
        known[function] = found
        return found

    spent = dict.fromkeys((*STAGES, REST), 0.0)
    for function, (_, _, own, _, _) in stats.items():
        for stage, share in belongs(function).items():
            spent[stage] += own * share
    total = sum(spent.values())
    return {stage: seconds / total for stage, seconds in spent.items()}


def _own_stage(name: str) -> str | None:
    """Return the stage of a function; C functions are named like `<method 'x' of 'T' objects>`."""
    for stage, functions in STAGES.items():
        if name in functions or any(f"method '{function}' of" in name for function in functions):
            return stage
    return None
