"""The pairs that a bulk job has in hand, and what has to wait until it has let go of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from daemon.domain.change import Change, ChangeState
from daemon.domain.mapping import Step
from daemon.flow.cases import Case
from daemon.flow.parts import Parts
from daemon.ports.store import Deferral, Unit

LATER: Final = timedelta(seconds=60)
"""What has to wait for a job is due again after so long, or when the job ends if that is sooner."""

REMEMBERED: Final = 10_000
"""So many changes at most are brought back when the job ends. Others come back by themselves."""


class Hands:
    """Pairs in hand, known by their changes, rows, records, and the external ids of what is being made; and what was put off for their sake."""

    def __init__(self) -> None:
        self._names: set[tuple[str, object]] = set()
        self._put_off: dict[int, Deferral] = {}
        self.put_off_now: set[int] = set()
        """The changes that the running round of the worker has put off."""

    @property
    def keep_others_waiting(self) -> bool:
        """Whether anything was put off that has not been taken up again."""
        return bool(self._put_off)

    def hold(self, cases: Iterable[Case]) -> None:
        """Take pairs in hand."""
        for case in cases:
            self._names |= set(_names(case))

    def release(self) -> None:
        """Let go of all."""
        self._names.clear()

    def holds(self, case: Case) -> bool:
        """Whether a case is about a pair in hand."""
        if not self._names:
            return False
        rule = case.step.external_id
        known = [change.values for change in case.theirs]
        if case.record is not None:
            known.append(case.record.values)
        made = [values.get(rule.salesforce) for values in known] if rule is not None else []
        told = [_made(case.step, str(text)) for text in made if text]
        return not self._names.isdisjoint([*_names(case), *told])

    def keeps(self, change: Change) -> bool:
        """Whether nobody else may say what becomes of a change: its pair is in hand, or this round has put it off."""
        return change.id in self.put_off_now or ("change", change.id) in self._names

    def begin_round(self) -> None:
        """Nothing has been put off yet in the round that begins."""
        self.put_off_now.clear()

    def taken_up(self, changes: Iterable[Change]) -> None:
        """These have been claimed: what was said of them before holds no more."""
        for change in changes:
            self._put_off.pop(change.id, None)

    async def put_off(self, parts: Parts, unit: Unit, changes: Sequence[Change]) -> None:
        """Keep changes as they are until the job has ended. What is in doubt comes back by itself."""
        due = parts.database_now() + LATER
        deferrals = [
            Deferral(c.id, c.state, due, c.attempts, c.code, c.reason, c.advice, c.waiting_for)
            for c in changes
        ]
        await unit.defer(deferrals)
        self.put_off_now |= {d.id for d in deferrals}
        for deferral in deferrals:
            if deferral.state is ChangeState.PENDING and len(self._put_off) < REMEMBERED:
                self._put_off[deferral.id] = deferral

    async def wake(self, parts: Parts) -> None:
        """What was put off is due."""
        async with parts.writing:
            waiting, self._put_off = list(self._put_off.values()), {}
            if waiting:
                async with parts.store.begin() as unit:
                    await unit.defer([replace(deferral, due=None) for deferral in waiting])


def _names(case: Case) -> Iterator[tuple[str, object]]:
    yield from (("change", change.id) for change in case.changes)
    if case.key is not None:
        yield case.step.table.qualified, case.key
    if case.sf_id is not None:
        yield "record", case.sf_id
    if case.external_id is not None:
        yield _made(case.step, case.external_id[1])


def _made(step: Step, text: str) -> tuple[str, object]:
    """A record that is being made, by its external id. Salesforce may take ids that differ by case alone for one."""
    return f"made {step.object}", text.casefold()
