"""The members of what a tester writes, in a control command or a seed file: which there are, and what each may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from typing import TypeAlias

from adapters.emulator import ids


@dataclass(frozen=True, slots=True)
class Kind:
    """What a member may be: a test of it, and the words that follow `must be`."""

    words: str
    fits: Callable[[object], bool]


Shape: TypeAlias = Mapping[str, Kind]
"""The known members by their names."""
_ALIKE = 0.6
"""How much of two names must be the same for one to be a slip of the other."""


def checked(
    given: Mapping[str, object], shape: Shape, *needed: str, word: str = "key", place: str = ""
) -> dict[str, object]:
    """The members that are not null, all of them known and of their kinds, the needed ones among them.

    `word` is what a member is called, `place` what an error begins with. Raises ValueError.
    """
    before = f"{place}: " if place else ""
    for name in given:
        if name not in shape:
            raise ValueError(f"{before}unknown {word} {name}; known are {', '.join(nearest(name, shape))}")
    found = {name: value for name, value in given.items() if value is not None}
    for name, value in found.items():
        if not shape[name].fits(value):
            raise ValueError(f"{before}{name} must be {shape[name].words}")
    for name in needed:
        if name not in found:
            raise ValueError(f"{before}{name} is missing: it must be {shape[name].words}")
    return found


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """What is known, what is most like the given name first."""
    names = list(known)
    close = get_close_matches(name, names, n=3, cutoff=_ALIKE)
    return [*close, *(other for other in names if other not in close)]


def no_such(what: str, name: str, known: Iterable[str]) -> str:
    """The sentence about a name that is not known, with what is, and what may have been meant."""
    first, *others = nearest(name, known)
    there = ", ".join((first, *others))
    if SequenceMatcher(None, name, first).ratio() < _ALIKE:
        return f"there is no {what} {name}; there are: {there}"
    return f"there is no {what} {name}; did you mean {first}? There are: {there}"


def number(least: float | None = None, most: float | None = None, *, above: float | None = None) -> Kind:
    """A finite number within bounds; `above` is a bound that is itself outside."""

    def fits(value: object) -> bool:
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and (least is None or value >= least)
            and (most is None or value <= most)
            and (above is None or value > above)
        )

    return Kind(f"a number{f' above {above:g}' if above is not None else _range(least, most)}", fits)


def whole(least: int, most: int | None = None) -> Kind:
    """A whole number within bounds."""
    within = number(least, most)
    return Kind(
        f"a whole number{_range(least, most)}", lambda value: isinstance(value, int) and within.fits(value)
    )


def choice(*names: str) -> Kind:
    """One of a few texts."""
    return Kind(f"one of {', '.join(names)}", lambda value: value in names)


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return ""
    return f" of {least:g} or more" if most is None else f" from {least:g} to {most:g}"


def _texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) and item for item in value)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and ids.canonical(value) is not None


ANY = Kind("a text, a number, true or false", lambda value: isinstance(value, str | int | float | bool))
TEXT = Kind("a text", lambda value: isinstance(value, str))
NAME = Kind("a text that is not empty", lambda value: isinstance(value, str) and bool(value))
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
MAPPING = Kind("a mapping", lambda value: isinstance(value, Mapping))
RECORD_ID = Kind("a record id of 15 or 18 characters", _is_id)
RECORD_IDS = Kind(
    "a list of record ids of 15 or 18 characters, one at least",
    lambda value: isinstance(value, list) and bool(value) and all(map(_is_id, value)),
)


def texts(what: str, *, empty: bool = True) -> Kind:
    """A list of texts, `what` in plural says of which; `empty` allows none."""
    words = f"a list of {what}{'' if empty else ', one at least'}"
    return Kind(words, lambda value: _texts(value) and (empty or bool(value)))


def canonical(value: object) -> str:
    """The 18-character form of a record id that was checked."""
    return ids.canonical(str(value)) or str(value)
