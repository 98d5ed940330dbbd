"""The figures of a scenario by how well they are known: in groups, and once where many places have the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sim.report.provenance import Figure

ORDER = ("assumed", "planned", "likely", "confirmed")


@dataclass(frozen=True, slots=True)
class Known:
    """A figure of one place or of several: `path` has a star where their names, `places`, differ."""

    path: str
    places: tuple[str, ...]
    value: str
    status: str
    source: str


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one part of the scenario with their number by status."""

    title: str
    counts: str
    lines: tuple[Known, ...]


def groups_of(figures: Sequence[Figure]) -> list[Group]:
    """Return the figures by the first two names of their paths, in the order of the document."""
    parts: dict[str, list[Figure]] = {}
    for one in figures:
        names = one.path.split(".")
        parts.setdefault(".".join(names[: min(2, len(names) - 1)]), []).append(one)
    return [Group(title, counted_by_status(found), tuple(_joined(title, found))) for title, found in parts.items()]


def counted_by_status(figures: Sequence[Figure]) -> str:
    """Write how many figures have each status, as "12 assumed, 3 likely"."""
    counts = Counter(one.status for one in figures)
    known = [*(status for status in ORDER if status in counts), *sorted(counts.keys() - set(ORDER))]
    return ", ".join(f"{counts[status]} {status}" for status in known)


def _joined(title: str, figures: Sequence[Figure]) -> Iterator[Known]:
    """Yield one line for all figures that differ in one name of their paths alone."""
    left = {one.path: one for one in figures}
    for one in figures:
        if one.path not in left:
            continue
        path, found = max(_families(one, left.values()), key=lambda family: len(family[1]))
        for other in found:
            del left[other.path]
        depth = path.split(".").index("*") if len(found) > 1 else 0
        places = tuple(other.path.split(".")[depth] for other in found) if len(found) > 1 else ()
        yield Known(path.removeprefix(f"{title}."), places, one.value, one.status, one.source)


def _families(one: Figure, others: Iterable[Figure]) -> Iterator[tuple[str, list[Figure]]]:
    """Yield the path with a star in place of each of its names, and the figures that it stands for; first itself."""
    yield one.path, [one]
    names = one.path.split(".")
    for place in range(len(names) - 1):
        starred = _starred(names, place)
        alike = [
            other
            for other in others
            if (other.value, other.status, other.source) == (one.value, one.status, one.source)
            and _starred(other.path.split("."), place) == starred
        ]
        yield ".".join(starred), alike


def _starred(names: Sequence[str], place: int) -> list[str]:
    return [*names[:place], "*", *names[place + 1 :]]
