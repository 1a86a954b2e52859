"""Cloned containers: one number in two places at once (DOMAIN "Identifiers").

The rule: two sightings of one ISO 6346 number at different UN/LOCODEs whose times are at most
two hours apart. A time known to the hour or the day counts as the whole hour or day; known to
the day only, both places must lie in different countries, because a lorry may cross a country's
ports in a day. It is a warning for people to look at, no proof.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cencomm_client.work.reading import Seen

APART_MS = 2 * 3_600_000
_DAY_MS = 86_400_000


Spot = tuple[int, Seen]
"""A sighting with the seq of the entry that tells of it."""


@dataclass(frozen=True, slots=True)
class Clone:
    """Two sightings of one number that cannot both be the same container."""

    number: str
    first: Spot
    second: Spot

    @property
    def entries(self) -> tuple[int, int]:
        """The two entries, by number."""
        return self.first[0], self.second[0]


class Sightings:
    """All sightings by number; judges anew only the numbers that were touched."""

    def __init__(self) -> None:
        self._spots: dict[str, dict[Spot, None]] = {}
        self._clones: dict[str, Clone] = {}
        self._touched: set[str] = set()

    def add(self, spots: Iterable[Spot]) -> None:
        """Sightings of a chain as it stands now."""
        for spot in spots:
            self._spots.setdefault(spot[1].number, {})[spot] = None
            self._touched.add(spot[1].number)

    def remove(self, spots: Iterable[Spot]) -> None:
        """Those that it had before."""
        for spot in spots:
            self._spots.get(spot[1].number, {}).pop(spot, None)
            self._touched.add(spot[1].number)

    def clones(self) -> tuple[Clone, ...]:
        """One pair for each number that was in two places at once, by number."""
        for number in self._touched:
            found = clone_of(self._spots.get(number, ()))
            if found is None:
                self._clones.pop(number, None)
            else:
                self._clones[number] = found
        self._touched.clear()
        return tuple(clone for _, clone in sorted(self._clones.items()))


def clone_of(spots: Iterable[Spot]) -> Clone | None:
    """The first pair, in time, that cannot be one container."""
    ordered = sorted(spots, key=lambda spot: (spot[1].when.start, spot[1].when.end, spot[0]))
    reach: dict[str, Spot] = {}  # by place: the sighting that lasts longest
    for spot in ordered:
        for place, earlier in reach.items():
            if place != spot[1].place and _at_once(earlier[1], spot[1]):
                return Clone(spot[1].number, earlier, spot)
        held = reach.get(spot[1].place)
        if held is None or held[1].when.end < spot[1].when.end:
            reach[spot[1].place] = spot
    return None


def _at_once(earlier: Seen, later: Seen) -> bool:
    vague = max(one.when.end - one.when.start for one in (earlier, later)) >= _DAY_MS
    if vague:
        overlap = later.when.start < earlier.when.end
        return overlap and earlier.place[:2] != later.place[:2]
    return later.when.start - (earlier.when.end - 1) <= APART_MS
