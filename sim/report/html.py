"""Self-contained HTML: pictures embedded, glyphs embedded, one file written."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from sim.errors import OutputError
from sim.report.figures import svg
from sim.report.fonts import PAGE_FAMILY, page_css

_HERE = Path(__file__).parent


def embedded(figure: Figure) -> str:
    """Return the figure as the `data:` address of an SVG."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg(figure)).decode('ascii')}"


def render(template: str, content: Mapping[str, Any]) -> str:
    """Return a template, by its path under `sim/report`, with the glyphs of what it says embedded."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template)
    # the text decides which glyphs are embedded, so it is written once without them
    text = re.sub(r"data:image[^\"]+", "", page.render(content, family=PAGE_FAMILY, font_css=""))
    font_css = Markup(page_css(text))  # noqa: S704 (base64 and numbers alone)
    return page.render(content, family=PAGE_FAMILY, font_css=font_css)


def write(html: str, out: Path) -> Path:
    """Write a page, in place of what is there, and return its path.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(html, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write the report {out}: {error.strerror}"
        raise OutputError(msg) from error
    return out
