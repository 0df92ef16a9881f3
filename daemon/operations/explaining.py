"""What a code means: found by its name, by the family it belongs to, or as the nearest to what was written."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from daemon.domain.failure import NotFoundError
from daemon.domain.fault import Chapter, Fault
from daemon.reconcile.remedy import REMEDIES, Remedy

PAGE: Final = "docs/how-to/understand-errors.md"
"""The page that holds every explanation, generated from the same catalogue."""

_FAMILIES: Final = (
    (re.compile(r"((?:HTTP|BAYEUX)_\d)\d\d"), r"\1XX"),
    (re.compile(r"([0-9A-Z]{2})[0-9A-Z]{3}"), r"\1"),  # SQLSTATE: the class stands for its codes
)

THEN: Final[dict[Remedy, str]] = {
    Remedy.RETRY: "It is tried again by itself at growing intervals, up to the step's attempts; then it is parked.",
    Remedy.SOON: "It is tried again by itself every second or two.",
    Remedy.SLOW: "It is tried again by itself at the longest interval, for as long as it takes.",
    Remedy.REREAD: "The record is read again and decided anew.",
    Remedy.WAIT: "It waits for the other record, is tried again at growing intervals, and is parked when the step's attempts are used up.",
    Remedy.PARK: "The change is parked: it waits for a person, and is tried again each hour all the same.",
}
"""What happens to a change that failed so."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One code of the catalogue, with the speaker that it belongs to."""

    speaker: str
    code: str
    fault: Fault

    @property
    def remedy(self) -> Remedy:
        """What happens to a change that failed with it."""
        return REMEDIES[self.fault.kind]

    @property
    def transient(self) -> bool:
        """Whether it passes, or is settled, without a person."""
        return self.remedy is not Remedy.PARK

    def shown(self) -> dict[str, Any]:
        """In plain values."""
        return {
            "code": self.code,
            "speaker": self.speaker,
            "kind": self.fault.kind.value,
            "reason": self.fault.reason.value,
            "transient": self.transient,
            "meaning": self.fault.meaning,
            "cause": self.fault.cause,
            "advice": self.fault.advice,
            "names": self.fault.names or None,
            "then": THEN[self.remedy],
            "page": self.fault.page or PAGE,
        }


def entries(catalogue: Sequence[Chapter]) -> Iterator[Explained]:
    """Every code of a catalogue, chapter by chapter."""
    for chapter in catalogue:
        for code, fault in chapter.faults.items():
            yield Explained(chapter.speaker, code, fault)


def explain(catalogue: Sequence[Chapter], code: str) -> list[Explained]:
    """What a code means, capitals or not; several where several speakers use the same word.

    A status, or a SQLSTATE, without an entry of its own is explained by its family. Raises NotFoundError, naming the nearest codes.
    """
    wanted = code.strip().upper()
    known: dict[str, list[Explained]] = {}
    for entry in entries(catalogue):
        known.setdefault(entry.code.upper(), []).append(entry)
    if wanted in known:
        return known[wanted]
    for pattern, family in _FAMILIES:
        if (found := pattern.fullmatch(wanted)) and (entries_of := known.get(found.expand(family).upper())):
            return entries_of
    near = [known[name][0].code for name in difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)]
    raise NotFoundError(
        f"no code {code} is explained here",
        f"the nearest are {', '.join(near)}" if near else "nothing is spelled like it",
        "see them all with isthmus explain; of any other code read the message, which is shown whole: isthmus parked show ID",
    )
