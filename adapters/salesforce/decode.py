"""JSON as Salesforce sends it, without losing a digit.

A currency or a number field holds up to 18 significant digits, and a binary float only 15 for certain. A body in which
some number is longer than that is read by the slower standard library, which lets such a number through as text.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

from daemon.domain.value import Raw

CERTAIN_DIGITS: Final = 15
_LONG_NUMBER: Final = re.compile(rb"[:\[,]\s*-?[0-9][0-9.]{15,}")
_LONGEST_EXPONENT: Final = 400


class MalformedBodyError(ValueError):
    """A body is not the JSON that it should be."""


def loads(body: bytes) -> Any:
    """The document in a body. Raises MalformedBodyError.

    A number with a fraction or an exponent that a float cannot hold for certain comes as its decimal text.
    """
    try:
        if _LONG_NUMBER.search(body) is None:
            return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass  # a lone surrogate is refused there and read here
    try:
        return json.loads(body, parse_float=number, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise MalformedBodyError(f"not JSON: {error}") from error


def number(text: str) -> Raw:
    """A number with a fraction or an exponent: a float where that is exact enough, else its plain decimal text."""
    if len(text) <= CERTAIN_DIGITS:
        return float(text)
    digits = sum(
        character.isdigit() for character in text.lower().partition("e")[0].replace(".", "").lstrip("-0")
    )
    if digits <= CERTAIN_DIGITS:
        return float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return text
    return format(exact, "f") if abs(exact.adjusted()) < _LONGEST_EXPONENT else text


def _refuse(name: str) -> Raw:
    raise ValueError(f"{name} is not JSON")
