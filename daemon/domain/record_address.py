"""What a person pastes to name a Salesforce record: the address from the browser, or the bare id.

Lightning writes `/lightning/r/Lead/00Q…/view` (or without the object), the first Lightning wrote
`/one/one.app#/sObject/00Q…/view`, Classic writes `/00Q…`, and Visualforce pages say `?id=00Q…`.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from daemon.domain.ids import record_id

_OBJECT: Final = re.compile(r"[A-Za-z]\w{0,79}", re.ASCII)
_MY_DOMAIN: Final = re.compile(
    r"(?P<name>[a-z0-9-]+?)(?:--c)?(?:\.(?P<partition>[a-z]+))?"
    r"\.(?:my\.salesforce|my\.salesforce-setup|lightning\.force|vf\.force|file\.force)\.com",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class RecordAddress:
    """A record as it was named: its id in 18 characters, and what the address says of its host and object, if anything."""

    sf_id: str
    object: str | None = None
    host: str | None = None  # lower case, with the port if one is written


def parse_record_address(text: str) -> RecordAddress:
    """Read a pasted address or id. ValueError, whose text says why, if no record is named."""
    text = text.strip().strip("<>\"'")
    if "/" not in text:
        return RecordAddress(record_id(text))
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        message = f"not the address of a web page: {text[:80]!r}"
        raise ValueError(message)
    for segments in (_segments(parts.path), _segments(parts.fragment)):
        if (found := _named(segments)) is not None:
            return RecordAddress(found[1], found[0], parts.netloc.rpartition("@")[2].lower())
    for given in parse_qs(parts.query).get("id", ()):
        if (sf_id := _id(given)) is not None:
            return RecordAddress(sf_id, None, parts.netloc.rpartition("@")[2].lower())
    message = f"there is no record's id in this address: {text[:200]!r}"
    raise ValueError(message)


def same_org(host: str, instance: str) -> bool:
    """Whether a pasted host belongs to the org whose API answers at `instance`: the same host, or the same My Domain.

    An org has several hosts with one name: `acme.my.salesforce.com`, `acme.lightning.force.com`. A sandbox has its own,
    `acme--uat.sandbox.my.salesforce.com`.
    """
    if host == instance:
        return True
    ours, theirs = _MY_DOMAIN.fullmatch(instance), _MY_DOMAIN.fullmatch(host)
    return ours is not None and theirs is not None and ours.groups() == theirs.groups()


def _segments(path: str) -> list[str]:
    return [segment for segment in path.partition("?")[0].split("/") if segment]


def _named(segments: list[str]) -> tuple[str | None, str] | None:
    """The object, if it is said, and the id."""
    for marker in ("r", "sObject"):
        if marker not in segments:
            continue
        after = segments[segments.index(marker) + 1 :]
        if len(after) > 1 and _OBJECT.fullmatch(after[0]) and (sf_id := _id(after[1])) is not None:
            return after[0], sf_id
        if after and (sf_id := _id(after[0])) is not None:
            return None, sf_id
    if segments and (sf_id := _id(segments[0])) is not None:
        return None, sf_id
    return None


def _id(text: str) -> str | None:
    """An id; a word of fifteen letters is none, because every id has a digit."""
    if not any(letter.isdigit() for letter in text):
        return None
    try:
        return record_id(text)
    except ValueError:
        return None
