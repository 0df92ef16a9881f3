"""Record ids: 15 characters that distinguish case, or 18 that need not.

Salesforce documents the suffix: the 15 characters fall into three groups of five; a character that is an upper-case
letter sets a bit, the leftmost being the least significant; each group's number picks one character.
"""

import re
from typing import Final

ID_LENGTH: Final = 18
_SUFFIX: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID: Final = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?", re.ASCII)


def is_id(text: object) -> bool:
    """Whether this has the form of a record id, of either length."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def id18(text: str) -> str:
    """The 18-character form of an id. Text that is not 15 characters long is given back unchanged."""
    if len(text) != ID_LENGTH - 3:
        return text
    suffix = ""
    for start in (0, 5, 10):
        number = sum(
            1 << bit for bit, character in enumerate(text[start : start + 5]) if "A" <= character <= "Z"
        )
        suffix += _SUFFIX[number]
    return text + suffix
