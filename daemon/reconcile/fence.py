"""What an observation of a Salesforce record is worth, given what we already know of it.

An echo of our own write is a confirmation and never a reason to ignore an event: an origin belongs to a transaction,
so what a flow changed in it carries our mark too. Order is judged by whole seconds, which is all that Salesforce
gives; where they cannot tell, the record is read again.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import StrEnum

from daemon.domain.link import Link, Window
from daemon.domain.value import Values


class Worth(StrEnum):
    """What to do with an observation."""

    STALE = "stale"  # contained in what was seen since: skip it
    CONFIRMS = "confirms"  # says what the base says: an echo, or nothing new
    UNDECIDABLE = "undecidable"  # before or after our own write? Read the record
    NEWS = "news"  # later than everything we know: merge it


def worth(link: Link, at: datetime, values: Values) -> Worth:
    """Judge an observation made at `at` (a whole second) that gives these canonical values.

    Old news from inside a window of one of our writes may be of a value that the write replaced: the record is read, and
    the value goes to the ledger. Skipping what confirms the base is safe even out of order: if it was the last word on a field, that field holds
    the base already, and if it was not, the last word is still to come.
    """
    if link.in_doubt:
        return Worth.UNDECIDABLE
    confirms = all(name in link.base and link.base[name] == value for name, value in values.items())
    if link.seen is not None and at < link.seen:
        return Worth.UNDECIDABLE if link.windows_at(at) and not confirms else Worth.STALE
    if confirms:
        return Worth.CONFIRMS
    known = [moment for moment in (link.seen, link.own) if moment is not None]
    if known and at <= max(known):
        return Worth.UNDECIDABLE
    return Worth.NEWS


def leaves_open(link: Link, at: datetime, told: AbstractSet[str]) -> bool:
    """Whether an event made at `at`, which names these fields, may be that of a write of ours and does not name all that it changed.

    What a flow takes back in the very save of a write has not changed, and no event names it: only reading the record tells.
    """
    if link.seen is not None and at <= link.seen:
        return False
    changed = [names for window in link.windows_at(at) if (names := _changed(window))]
    return bool(changed) and not any(names <= told for names in changed)


def _changed(window: Window) -> AbstractSet[str]:
    return {
        name for name, value in window.sent.items() if name in window.before and window.before[name] != value
    }


def may_write_blind(link: Link) -> bool:
    """Whether a conditional write can stand on what we know, without reading first.

    It can when the last read is at least as new as our last write: then `seen` is the exact second of a state that
    the base describes, and a precondition on it refuses whatever came later.
    """
    return link.seen is not None and (link.own is None or link.own <= link.seen)
