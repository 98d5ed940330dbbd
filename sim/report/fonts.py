"""Fonts: one family with Hangul for figures and page alike, embedded so that no machine lacks a glyph."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import matplotlib as mpl
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from matplotlib import font_manager

from sim.maps import HANGUL_FILES, hangul_font

FAMILY = "NanumGothic"
FALLBACK = "DejaVu Sans"  # comes with matplotlib; has the minus sign and the check mark that NanumGothic lacks
_SOURCE_TABLES = ["TSI0", "TSI1", "TSI2", "TSI3", "TSI5", "FFTM"]  # of the fonts' makers, no use to a browser
PAGE_FAMILY = "Report Sans"
_DEJAVU = {400: "DejaVuSans.ttf", 700: "DejaVuSans-Bold.ttf"}


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw in the report's style: text as paths, so that no font is asked for; the same bytes each time."""
    _register()
    with mpl.rc_context({
        "font.family": [FAMILY, FALLBACK],
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#8a919b",
        "axes.labelcolor": "#3a4048",
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "grid.color": "#e4e7eb",
        "grid.linewidth": 0.7,
        "xtick.color": "#5a626c",
        "ytick.color": "#5a626c",
        "legend.frameon": False,
        "hatch.linewidth": 0.6,
        "text.parse_math": False,  # names are names, whatever signs they hold
        "svg.fonttype": "path",
        "svg.hashsalt": "report",
    }):  # fmt: skip
        yield


@cache
def _register() -> None:
    # by hand, as matplotlib takes the bold face for a weight of 600 and then complains that it finds no 700
    font_manager.fontManager.ttflist += [
        font_manager.FontEntry(
            fname=str(hangul_font(weight)), name=FAMILY, style="normal", variant="normal", weight=weight,
            stretch="normal", size="scalable",
        )
        for weight in HANGUL_FILES
    ]  # fmt: skip


def page_css(text: str) -> str:
    """Return `@font-face` rules with just the glyphs of `text`; those in no font are left out."""
    asked = {ord(letter) for letter in text if letter.isprintable()} | set(range(0x20, 0x7F))
    rules = []
    for weight, name in _DEJAVU.items():
        hangul, latin = (
            TTFont(hangul_font(weight)),
            TTFont(Path(mpl.get_data_path()) / "fonts" / "ttf" / name),
        )
        covered = asked & hangul.getBestCmap().keys()
        rules.append(_rule(hangul, covered, weight))
        if rest := (asked - covered) & latin.getBestCmap().keys():
            rules.append(_rule(latin, rest, weight))
    return "\n".join(rules)


def _rule(font: TTFont, codes: set[int], weight: int) -> str:
    font.recalcTimestamp = False  # else the bytes change with the clock
    options = Options(layout_features=[], hinting=False, name_IDs=[], notdef_outline=True)
    options.drop_tables += _SOURCE_TABLES
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    font.flavor = "woff"
    buffer = io.BytesIO()
    font.save(buffer)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    ranges = ",".join(f"U+{code:X}" for code in sorted(codes))
    return (
        f"@font-face{{font-family:'{PAGE_FAMILY}';font-weight:{weight};"
        f"src:url(data:font/woff;base64,{data}) format('woff');unicode-range:{ranges}}}"
    )
