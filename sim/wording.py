"""Differences in words: as many figures as they are worth, which way they go, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from types import MappingProxyType

from sim.kpi.catalogue import CATALOGUE
from sim.statistics import Interval, Paired

STATS = MappingProxyType({
    "p50": "median",
    "p90": "90th percentile",
    "p95": "95th percentile",
    "max": "longest",
    "mean": "mean",
})  # fmt: skip
_COUNTS = {"requests", "vehicles", "riders", "plans", "collisions"}


def title(key: str) -> str:
    """Return a KPI's title by its key, with stat and scope in words; a key of none is its own title."""
    name, _, scope = key.partition("@")
    code, _, stat = name.partition(".")
    kpi = CATALOGUE.get(code)
    if kpi is None:
        return key
    parts = ", ".join(filter(None, (STATS.get(stat, stat) if stat != "mean" else "", scope)))
    return f"{kpi.title} ({parts})" if parts else kpi.title


def titles(keys: Iterable[str]) -> str:
    """Join the titles of KPIs at the end of a sentence; some have a comma of their own."""
    return "; ".join(lowered(title(key)) for key in keys)


def lowered(text: str) -> str:
    """Return a title as it stands within a sentence; an abbreviation keeps its capitals."""
    return text if text[1:2].isupper() or text[1:2].isdigit() else text[:1].lower() + text[1:]


def brief(result: Paired, unit: str) -> str:
    """Return the mean difference, as "31 s shorter"."""
    mean = result.mean_difference
    return _brief(mean, unit, _decimals([mean], unit), trim=True)


def told(result: Paired, unit: str) -> str:
    """Return the mean difference with its interval and seeds, as "31 s shorter (95 % CI 22 to 40; 10 seeds)"."""
    mean = result.mean_difference
    seeds = counted(result.n, "seed")
    if result.sd == 0:
        return f"the same in all {seeds}" if mean == 0 else f"{brief(result, unit)} (in each of {seeds})"
    if result.t is None:
        return f"{brief(result, unit)} ({seeds}, no interval)"
    decimals = _decimals([mean, result.t.low, result.t.high], unit)
    spread = _spread(result.t, unit, decimals, down=mean < 0)
    return f"{_brief(mean, unit, decimals)} ({100 * result.confidence:g} % CI {spread}; {seeds})"


def amount(value: float, unit: str, *, beside: Iterable[float] = (), difference: bool = True) -> str:
    """Write a figure with its unit, with the decimals that it and those `beside` it are worth together."""
    name = "%" if unit == "share" and not difference else _name(unit)
    return f"{_trimmed(_figure(value, unit, _decimals([value, *beside], unit)))} {name}".rstrip()


def counted(n: int, noun: str) -> str:
    """Return "1 seed" or "10 seeds"."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def listed(words: Sequence[str]) -> str:
    """Join words with commas and "and"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def seeds_in_words(pairs: Collection[tuple[int, int]]) -> str:
    """Name seeds: "seeds 3 and 5", or "seeds 3/7 and 5/7 (demand/SUMO)" where the two differ."""
    alike = all(demand == sumo for demand, sumo in pairs)
    names = [str(demand) if alike else f"{demand}/{sumo}" for demand, sumo in sorted(pairs)]
    return ("seed " if len(names) == 1 else "seeds ") + listed(names) + ("" if alike else " (demand/SUMO)")


def _brief(mean: float, unit: str, decimals: int, *, trim: bool = False) -> str:
    figure = _figure(abs(mean), unit, decimals)
    if float(figure.replace(",", "")) == 0:
        return "no difference on the mean"
    words = [_trimmed(figure) if trim else figure, _name(unit), _way(unit, down=mean < 0)]
    return " ".join(filter(None, words))


def _spread(bounds: Interval, unit: str, decimals: int, *, down: bool) -> str:
    """Write an interval as seen in the direction of the mean; a side beyond zero is named."""
    near, far = (-bounds.high, -bounds.low) if down else (bounds.low, bounds.high)
    if near >= 0:
        return f"{_figure(near, unit, decimals)} to {_figure(far, unit, decimals)}"
    opposite, same = _way(unit, down=not down), _way(unit, down=down)
    return f"{_figure(-near, unit, decimals)} {opposite} to {_figure(far, unit, decimals)} {same}"


def _way(unit: str, *, down: bool) -> str:
    if unit in {"s", "ms"}:
        return "shorter" if down else "longer"
    if unit in _COUNTS:
        return "fewer" if down else "more"
    return "lower" if down else "higher"


def _name(unit: str) -> str:
    return {"share": "pp", "ratio": ""}.get(unit, unit)


def _figure(value: float, unit: str, decimals: int) -> str:
    scaled = 100 * value if unit == "share" else value
    text = f"{scaled:,.{decimals}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def _trimmed(figure: str) -> str:
    return figure.rstrip("0").rstrip(".") if "." in figure else figure


def _decimals(values: Iterable[float], unit: str) -> int:
    """Return the decimals that leave the largest figure two or three digits."""
    top = max(abs(value) for value in values) * (100 if unit == "share" else 1)
    return min(6, max(0, 1 - math.floor(math.log10(top / 2)))) if top > 0 else 0
