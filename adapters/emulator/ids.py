"""Record ids: 15 case-sensitive characters, and the 18-character form that survives case-insensitive tools.

The three check characters each stand for five of the fifteen: the leftmost character of a group is bit 0, a bit is set when its
character is an upper-case letter, and the number picks a character of `ABCDEFGHIJKLMNOPQRSTUVWXYZ012345` (Salesforce documents it so).
"""

from __future__ import annotations

import random
import re
import string
from functools import lru_cache

_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PAIRS = [first + second for first in _BASE62 for second in _BASE62]
_UPPER = frozenset(string.ascii_uppercase)
_FORM = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?\Z")

NO_RECORD = "000000000000000AAA"
"""The id that an overflow event carries instead of record ids."""


@lru_cache(maxsize=65536)
def _check_character(group: str) -> str:
    return _CHECK[sum(1 << bit for bit, character in enumerate(group) if character in _UPPER)]


def with_check_characters(short: str) -> str:
    """The 18-character form of a 15-character id."""
    return (
        short + _check_character(short[:5]) + _check_character(short[5:10]) + _check_character(short[10:15])
    )


def canonical(text: str) -> str | None:
    """The 18-character form of an id given with 15 or 18 characters; None when it is no id.

    Eighteen characters are accepted in any letter case, because the check characters restore the case of the first fifteen.
    """
    if not _FORM.match(text):
        return None
    if len(text) == 15:
        return with_check_characters(text)
    restored = with_check_characters(text[:15])
    return restored if restored == text else _restored(text)


def _restored(text: str) -> str | None:
    characters = []
    for index, check in enumerate(text[15:].upper()):
        bits = _CHECK.find(check)
        if bits < 0:
            return None
        for bit, character in enumerate(text[index * 5 : index * 5 + 5]):
            characters.append(character.upper() if bits >> bit & 1 else character.lower())
    restored = with_check_characters("".join(characters))
    return restored if restored.lower() == text.lower() else None


class IdFactory:
    """Gives out ids that grow by one within a key prefix, as an org does."""

    def __init__(self, rng: random.Random) -> None:
        self._instance = "".join(rng.choice(_BASE62) for _ in range(2)) + "0"
        self._rng = rng
        self._next: dict[str, int] = {}
        self._heads: dict[str, tuple[int, str]] = {}
        """For a key prefix: the digits that change least, and the text they make."""

    def new(self, key_prefix: str) -> str:
        """A fresh 18-character id with the three-character prefix of its object."""
        number = self._next.get(key_prefix)
        if number is None:
            number = self._rng.randrange(62**4, 62**5)
        self._next[key_prefix] = number + 1
        high, low = divmod(number, len(_PAIRS))
        known, head = self._heads.get(key_prefix, (-1, ""))
        if high != known:
            head = f"{key_prefix}{self._instance}{_base62(high, 7)}"
            self._heads[key_prefix] = (high, head)
        return with_check_characters(head + _PAIRS[low])


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, remainder = divmod(number, 62)
        digits.append(_BASE62[remainder])
    return "".join(reversed(digits))
