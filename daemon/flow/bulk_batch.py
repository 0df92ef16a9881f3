"""What a bulk job is to carry."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from daemon.domain.mapping import Step
from daemon.flow.cases import Case
from daemon.ports.salesforce import RecordWrite

MOST_WEIGHT: Final = 64_000_000
"""About so many bytes of memory hold what is in hand at most. As CSV that is far below the 100 MB that a job takes."""

_CASE: Final = 1_500
_VALUE: Final = 150
"""About so many bytes a case takes whatever it holds, and a value beside its text, in its mapping and in what was decided of it."""


@dataclass(slots=True)
class BulkBatch:
    """What one job is to carry: cases of one step and call, marked as sent, no two with the same key. `weight` is in bytes, about."""

    step: Step
    call: tuple[str, str]
    cases: list[Case] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    weight: int = 0

    def admits(self, write: RecordWrite) -> bool:
        """Whether no other write has its key. Salesforce may take keys that differ by case alone for one."""
        return _key(write) not in self.keys

    def add(self, case: Case, write: RecordWrite) -> None:
        """Count a case in, with all that is kept of it until the job has ended."""
        self.keys.add(_key(write))
        self.weight += _CASE
        self.weight += sum(_VALUE + len(str(value)) for held in _held(case, write) for value in held.values())


def _held(case: Case, write: RecordWrite) -> Iterator[Mapping[str, object]]:
    yield write.values
    if case.record is not None:
        yield case.record.values
    if case.link is not None:
        yield case.link.base
    for change in case.changes:
        yield change.values
        yield change.old_values or {}


def _key(write: RecordWrite) -> str:
    return (write.external_id[1] if write.external_id is not None else write.id or "").casefold()
