"""Which writes go out together, and which one after another.

A save in Salesforce locks its record and the parents that it points to. Requests that run side by side therefore share
neither: writes that have one in common are a family, a family lies in one lane, and the requests of a lane go one by one.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_NEVER_LOCKED: Final = ("005", "00G", "012")
"""Users, groups and record types: records point to them by the thousand, and saving those locks none of them."""

Portion = list[int]
Lane = list[Portion]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One write as far as batching goes.

    `call` is what a request's writes must have in common, `company` the most records that may share its request,
    `locks` the ids of the record and of its parents, where they are known.
    """

    call: Hashable
    company: int
    locks: frozenset[str]


def lockable(ids: Iterable[object]) -> frozenset[str]:
    """Those of these ids whose records a save may lock."""
    return frozenset(
        found for found in ids if isinstance(found, str) and found and not found.startswith(_NEVER_LOCKED)
    )


def lanes(parcels: Sequence[Parcel], size: int) -> list[Lane]:
    """Lanes of portions of indexes: lanes may run side by side, the portions of one in order; none is above `size`.

    Small families fill up portions together; one that is too large for a request has a lane of its own.
    """
    alike: dict[tuple[tuple[Hashable, int], ...], list[list[int]]] = {}
    for family in _families(parcels):
        kinds = dict.fromkeys((parcels[index].call, min(size, parcels[index].company)) for index in family)
        alike.setdefault(tuple(kinds), []).append(family)
    found: list[Lane] = []
    for kinds_, families in alike.items():
        most = min(company for _, company in kinds_)
        found += [_portions(parcels, members, size) for members in _packed(families, most)]
    return found


def _families(parcels: Sequence[Parcel]) -> list[list[int]]:
    """Indexes that have a lock in common, directly or by way of others; in the order of their first."""
    roots: dict[str, str] = {}

    def root(name: str) -> str:
        while roots.setdefault(name, name) != name:
            roots[name] = name = roots[roots[name]]
        return name

    for parcel in parcels:
        first, *others = sorted(parcel.locks) or [""]
        for other in others:
            roots[root(other)] = root(first)
    families: dict[Hashable, list[int]] = {}
    for index, parcel in enumerate(parcels):
        name: Hashable = root(min(parcel.locks)) if parcel.locks else index
        families.setdefault(name, []).append(index)
    return list(families.values())


def _packed(families: Iterable[list[int]], most: int) -> list[list[int]]:
    packed: list[list[int]] = []
    for family in families:
        if packed and len(packed[-1]) + len(family) <= most:
            packed[-1] += family
        else:
            packed.append(list(family))
    return packed


def _portions(parcels: Sequence[Parcel], members: Sequence[int], size: int) -> Lane:
    """One lane's requests: by kind, children of one parent side by side."""
    kinds: dict[tuple[Hashable, int], list[int]] = {}
    for index in sorted(members, key=lambda index: sorted(parcels[index].locks)):
        kinds.setdefault((parcels[index].call, min(size, parcels[index].company)), []).append(index)
    return [
        indexes[start : start + most]
        for (_, most), indexes in kinds.items()
        for start in range(0, len(indexes), most)
    ]
