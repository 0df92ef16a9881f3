"""What becomes of the records that an ordered load reads: in numbers, why some were kept back, and the first of them one by one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from daemon.domain.mapping import Step
from daemon.ports.store import JournalEntry, Unit

LISTED_MOST: Final = 100
"""Records that are told one by one."""

REASONS_MOST: Final = 50
"""Different codes that are counted for one outcome; any other counts as OTHER."""
OTHER: Final = "other"

_WITH_REASON: Final = frozenset({"park", "skip"})


@dataclass(slots=True)
class Tally:
    """The outcomes so far. `reasons` counts what was parked or skipped by code; `listed` are the first LISTED_MOST records."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)
    listed: list[Mapping[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Tally":
        """A tally as `document` gave it; an empty one of an empty document."""
        reasons = {name: Counter(codes) for name, codes in document.get("reasons", {}).items()}
        return cls(Counter(document.get("outcomes", {})), reasons, list(document.get("listed", ())))

    def with_records(self, told: Sequence[Mapping[str, Any]], *, listed: bool = True) -> "Tally":
        """These records besides. This one stays as it is: their transaction may yet fail."""
        more = Tally(self.outcomes.copy(), {name: codes.copy() for name, codes in self.reasons.items()})
        for item in told:
            outcome, code = str(item["outcome"]), item["code"]
            more.outcomes[outcome] += 1
            if outcome in _WITH_REASON and code is not None:
                codes = more.reasons.setdefault(outcome, Counter())
                codes[code if code in codes or len(codes) < REASONS_MOST else OTHER] += 1
        room = LISTED_MOST - len(self.listed) if listed else 0
        more.listed = [*self.listed, *told[:room]]
        return more

    def with_numbers(self, numbers: Mapping[str, int]) -> "Tally":
        """So many records besides, by outcome; this one stays as it is."""
        more = self.with_records(())
        more.outcomes.update({name: number for name, number in numbers.items() if number})
        return more

    def with_missing(self, number: int) -> "Tally":
        """So many records were linked and not met; told even where it is none."""
        more = self.with_records(())
        more.outcomes["not_met"] += number
        return more

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "outcomes": dict(self.outcomes),
            "reasons": {name: dict(codes) for name, codes in self.reasons.items()},
            "listed": list(self.listed),
        }


class Witness:
    """A unit that remembers the journal entries which pass through it."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.entries: list[JournalEntry] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._unit, name)

    async def journal(self, entries: Sequence[JournalEntry]) -> None:
        """As the unit does."""
        self.entries += entries
        await self._unit.journal(entries)


async def told(
    unit: Unit, step: Step, ids: Sequence[str], entries: Sequence[JournalEntry]
) -> list[Mapping[str, Any]]:
    """What became of each of these records, inside the transaction in which it did. One that was parked before is parked still."""
    by_id = {entry.sf_id: entry for entry in entries}
    links = await unit.links_of_records(ids)
    waiting = await unit.unsettled_records(ids)
    parked = await unit.parked_records(ids) if waiting else {}
    found: list[Mapping[str, Any]] = []
    for sf_id in ids:
        entry, link = by_id.get(sf_id), links.get(sf_id)
        code = entry.code if entry is not None else parked.get(sf_id)
        if entry is not None:
            outcome = _outcome(entry)
        elif sf_id in parked:
            outcome = "park"
        elif sf_id in waiting:
            outcome = "waiting"
        else:
            outcome = "unchanged" if link is None or link.step == step.name else "other_step"
        key = link.key if link is not None else entry.key if entry is not None else None
        found.append({"key": key, "sf_id": sf_id, "outcome": outcome, "code": code})
    return found


def _outcome(entry: JournalEntry) -> str:
    """In a word: the operation that was done, or why none was."""
    if entry.outcome == "apply":
        return entry.operation if entry.operation != "none" else "applied"
    return entry.outcome
