"""What all maps share: the font with Hangul, and scale bars of round lengths."""

from __future__ import annotations

import importlib.util
import math
from functools import cache
from pathlib import Path

from sim.errors import SetupError

HANGUL_FILES = {400: "NanumGothic.ttf", 700: "NanumGothicBold.ttf"}
"""By weight."""


@cache
def hangul_font(weight: int) -> Path:
    """Return the file of NanumGothic, 400 or 700.

    Its package is found but not imported, as the import changes pyplot for everybody.

    Raises
    ------
    SetupError
        The package with the font is not installed.
    """
    package = importlib.util.find_spec("koreanize_matplotlib")
    if package is None or package.origin is None:
        msg = "the font NanumGothic is missing: pip install koreanize-matplotlib"
        raise SetupError(msg)
    return Path(package.origin).parent / "fonts" / HANGUL_FILES[weight]


def scale_bar(longest_m: float) -> tuple[float, str]:
    """Return length and label of the longest bar of 1, 2 or 5 times a power of ten metres that fits."""
    power = 10 ** math.floor(math.log10(longest_m))
    length_m = float(max(step * power for step in (1, 2, 5) if step * power <= longest_m))
    return length_m, f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
