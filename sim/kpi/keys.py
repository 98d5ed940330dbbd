"""Flat keys of KPIs, `code.stat@scope`: whether the catalogue knows what they name, and their aliases."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

from sim.errors import NotFoundError
from sim.kpi.catalogue import ALIASES, CATALOGUE
from sim.kpi.entry import ALL, DISTRIBUTION_STATS, SCOPES, Kpi

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def require_kpis(keys: Iterable[str], *, measured: Collection[str] = ()) -> None:
    """Make sure that each key was measured or could be, by the catalogue.

    Raises
    ------
    NotFoundError
        A key names no KPI; the message names near matches.
    """
    for key in keys:
        if key not in measured and not _catalogued(canonical(key)):
            near = difflib.get_close_matches(key, sorted({*measured, *CATALOGUE}), n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "docs/kpis.md lists all codes"
            msg = f"no KPI {key!r} (code.stat@scope); {hint}"
            raise NotFoundError(msg)


def canonical(key: str) -> str:
    """Return the key with the KPI's code in place of its alias: `D2.p95@ggm` is `dock_queue_s.p95@ggm`."""
    code = key.partition("@")[0].partition(".")[0]
    return ALIASES.get(code, code) + key[len(code) :]


def _catalogued(key: str) -> bool:
    name, at, scope = key.partition("@")
    code, dot, stat = name.partition(".")
    kpi = CATALOGUE.get(code)
    if kpi is None or (at and not _may_have_scope(kpi, scope)):
        return False
    return not dot or stat.isdecimal() or (kpi.distribution and stat in DISTRIBUTION_STATS)


def _may_have_scope(kpi: Kpi, scope: str) -> bool:
    """Whether a KPI can be given for the scope; names of sites, families and the like are the scenarios'."""
    if scope == ALL or kpi.scoped_by is None:
        return scope == ALL
    return scope in SCOPES if kpi.scoped_by == "riders" else _NAME.fullmatch(scope) is not None
