"""A code that something can fail or be held back with, explained once for everybody who meets it.

The adapters' tables and the daemon's own one are made of these. What is said here goes into a `Failure`, from there into
the parked record, the API's answers and the log; `isthmus explain` and the page about errors show it whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.domain.failure import FailureKind, Reason


@dataclass(frozen=True, slots=True)
class Fault:
    """One code.

    `kind` decides what happens next, `reason` is what it is counted under. `meaning` is a phrase without a full stop, `cause` says
    what usually leads to it and `advice` what to do, each in whole sentences. `names` says which fields the failure names,
    `page` where the product's own pages say more: a path from the root of the checkout, with an anchor where one fits.
    """

    kind: FailureKind
    reason: Reason
    meaning: str
    cause: str
    advice: str
    names: str = ""
    page: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """The codes of one speaker, such as PostgreSQL. `speaker` is unique among the chapters of a catalogue."""

    speaker: str
    about: str
    faults: Mapping[str, Fault]
