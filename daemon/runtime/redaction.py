"""What never reaches a log: secrets, and values of users' fields.

Three nets. A key that names a secret loses its value whatever it is. Text loses what has the shape of a credential:
bearer tokens, Salesforce session ids and JWTs, private keys, passwords in addresses. And each secret that the
process has read is known by its content, and is blotted out wherever it turns up.
"""

import re
from collections import deque
from collections.abc import Mapping
from typing import Any

MASK = "***"

_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|authorization|cookie|private_?key|assertion|credential|^sid$|api_?key",
    re.IGNORECASE,
)
_VALUE_KEYS = frozenset(
    {"values", "value", "row", "record", "body", "payload", "old", "new", "before", "after", "base", "params"}
)
_SHAPES = tuple(
    (re.compile(pattern, re.DOTALL), replacement)
    for pattern, replacement in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", MASK),
        (r"(?i)\b(bearer|basic|oauth)\s+[\w.~+/!=-]{8,}", rf"\1 {MASK}"),
        (r"\b00D[A-Za-z0-9]{12,15}![\w.]+", MASK),
        (r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", MASK),
        (r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)", rf"\1:{MASK}"),
        (r"(?i)\b(password|client_secret|refresh_token|access_token|assertion)=[^&\s]+", rf"\1={MASK}"),
    )
)
_SHORTEST_SECRET = 6  # blotting out shorter ones would eat ordinary words
_PASSING_MOST = 32
_DEPTH = 4  # log events are flat: what is nested deeper was not meant for a log


class Redaction:
    """Masks secrets in log events. One per process; `learn` is called with each secret that is read."""

    def __init__(self) -> None:
        self._known: re.Pattern[str] | None = None
        self._secrets: set[str] = set()
        self._passing: deque[str] = deque(maxlen=_PASSING_MOST)

    def learn(self, secret: str) -> None:
        """Blot out this text from now on. One that is too short to be told from a word is left to the other nets."""
        if len(secret) >= _SHORTEST_SECRET and secret not in self._secrets:
            self._secrets.add(secret)
            self._compile()

    def learn_passing(self, secret: str) -> None:
        """The same for one that another will replace, such as a token: the newest 32 of them are blotted out."""
        if len(secret) < _SHORTEST_SECRET or secret in self._secrets:
            return
        if secret in self._passing:
            self._passing.remove(secret)  # it is in use still, and so the newest again
        self._passing.append(secret)
        self._compile()

    def _compile(self) -> None:
        longest_first = sorted({*self._secrets, *self._passing}, key=len, reverse=True)
        self._known = re.compile("|".join(re.escape(each) for each in longest_first))

    def text(self, text: str) -> str:
        """The text without what looks like, or is known to be, a secret."""
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
        return self._known.sub(MASK, text) if self._known else text

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """A log event without secrets and without values of users' fields."""
        return {key: self._item(key, value, _DEPTH) for key, value in event.items()}

    def _item(self, key: str, value: Any, depth: int) -> Any:
        if _SECRET_KEY.search(key):
            return MASK
        if key in _VALUE_KEYS:
            return f"[{len(value)} values]" if isinstance(value, Mapping | list | tuple) else MASK
        return self._value(value, depth)

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth == 0:
            return MASK
        if isinstance(value, Mapping):
            return {str(key): self._item(str(key), item, depth - 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(item, depth - 1) for item in value]
        return self.text(str(value))
