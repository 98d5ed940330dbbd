"""Flat keys of KPIs, `code.stat@scope`: whether the catalogue knows what they name."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from sim.errors import NotFoundError
from sim.kpi.catalogue import CATALOGUE, DISTRIBUTION_STATS, SCOPES


def require_kpis(keys: Iterable[str], *, measured: Collection[str] = ()) -> None:
    """Make sure that each key was measured or could be, by the catalogue.

    Raises
    ------
    NotFoundError
        A key names no KPI; the message names near matches.
    """
    for key in keys:
        if key not in measured and not _catalogued(key):
            near = difflib.get_close_matches(key, sorted({*measured, *CATALOGUE}), n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "docs/kpis.md lists all codes"
            msg = f"no KPI {key!r} (code.stat@scope); {hint}"
            raise NotFoundError(msg)


def _catalogued(key: str) -> bool:
    name, at, scope = key.partition("@")
    code, dot, stat = name.partition(".")
    kpi = CATALOGUE.get(code)
    if kpi is None or (at and scope not in SCOPES) or (at and not kpi.scoped and scope != "all"):
        return False
    return not dot or stat.isdecimal() or (kpi.distribution and stat in DISTRIBUTION_STATS)
