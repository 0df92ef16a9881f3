"""A comparison of a step that an operator ordered, record by record."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from daemon.domain.mapping import Step
from daemon.flow.auditing.examine import Examined, examine
from daemon.flow.auditing.rolling import publish
from daemon.flow.auditing.strangers import lone_records, lone_rows
from daemon.flow.jobs import Progress, step_of
from daemon.flow.parts import Parts
from daemon.ports.comparing import PAGE_MOST, Comparisons, Difference, Lone, Standing
from daemon.ports.jobs import Job
from daemon.reconcile.compare import Kind, Why

SHOWN_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """Which pairs are compared: a share of them, and those alone that hold these values. `show` differences are told with their values."""

    where: tuple[tuple[str, str], ...] = ()
    share: float = 1.0
    show: int = 0

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "Scope":
        """The scope in a job's request."""
        where = tuple((str(name), str(value)) for name, value in request.get("where") or ())
        return cls(where, float(request.get("share", 1.0)), int(request.get("show", 0)))

    @property
    def whole(self) -> bool:
        """Whether every pair is compared."""
        return not self.where and self.share >= 1

    def holds(self, step: Step, pair: Standing) -> bool:
        """Whether a pair is meant. Names are columns or fields; `key` and `sf_id` are those of the pair. A row that is gone held its base."""
        return all(_value(step, pair, name) == value for name, value in self.where)


def _value(step: Step, pair: Standing, name: str) -> str | None:
    if name == "sf_id":
        return pair.link.sf_id
    if name == "key":
        return pair.link.key
    mapped = step.by_name.get(name) or next(iter(step.by_column.get(name, ())), None)
    column = mapped.column if mapped is not None else name
    if pair.row is not None and column is not None and column in pair.row.values:
        return pair.row.values[column]
    held = pair.link.base.get(mapped.name) if mapped is not None else None
    return None if held is None else str(held)


@dataclass(slots=True)
class _Tally:
    """What a comparison has found so far."""

    compared: int = 0
    open: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    shown: list[Mapping[str, Any]] = field(default_factory=list)
    not_listed: int = 0

    def count(self, name: str, number: int, *, explained: bool = True) -> None:
        """So many more that are not told one by one."""
        if number:
            (self.explained if explained else self.open)[name] += number

    def add(self, found: Sequence[Difference], details: Sequence[Mapping[str, Any]], most: int) -> None:
        for difference, detail in zip(found, details, strict=True):
            (self.open if difference.why is None else self.explained)[difference.why or difference.kind] += 1
            if difference.why is None:
                self.fields.update(difference.fields)
            if len(self.shown) < most:
                self.shown.append(detail)


class OrderedComparisons:
    """Works on orders to compare."""

    def __init__(self, parts: Parts, comparisons: Comparisons) -> None:
        self._parts = parts
        self._comparisons = comparisons

    async def work(self, job: Job, progress: Progress) -> Mapping[str, Any]:
        """Compare a step within its scope. An interrupted comparison begins again: what it found before is as old as it."""
        step, scope, tally = step_of(self._parts, job), Scope.of(job.request), _Tally()
        await self._comparisons.begin_differences(job.id, step.name)
        await progress.note(0, await self._links(step, scope))
        after = 0
        while True:
            async with self._comparisons.look() as look:
                pairs = await look.pairs(step, after, PAGE_MOST, share=scope.share)
            if not pairs:
                break
            after = pairs[-1].link.id
            meant = [pair for pair in pairs if scope.holds(step, pair)]
            examined = await examine(self._parts, self._comparisons, step, meant)
            told = [item for item in examined if item.finding.kind is not Kind.AGREED]
            await self._add(
                job, tally, scope, [_difference(item) for item in told], [_shown(item) for item in told]
            )
            tally.compared += len(meant)
            await progress.note(progress.processed + len(pairs))
        if scope.whole:
            await self._lone(job, step, scope, tally)
        return await self._result(step, scope, tally)

    async def _lone(self, job: Job, step: Step, scope: Scope, tally: _Tally) -> None:
        """Halves without another. What the step's own rules leave alone is counted and not listed: it may be most of a table."""
        async for page in lone_records(self._parts, self._comparisons, step):
            told = [lone for lone in page if lone.why != Why.LEFT_ALONE]
            found = [Difference(Kind.ONLY_SALESFORCE.value, lone.why, lone.id, None) for lone in told]
            await self._add(
                job, tally, scope, found, [_alone(*pair) for pair in zip(found, told, strict=True)]
            )
            tally.count(Why.LEFT_ALONE.value, len(page) - len(told))
        rows = await lone_rows(self._comparisons, step)
        told = [lone for lone in rows.listed if lone.why != Why.LEFT_ALONE]
        found = [Difference(Kind.ONLY_POSTGRES.value, lone.why, None, lone.id) for lone in told]
        await self._add(job, tally, scope, found, [_alone(*pair) for pair in zip(found, told, strict=True)])
        listed = Counter(lone.why for lone in told)
        for why, number in rows.counts.items():
            tally.count(why or Kind.ONLY_POSTGRES.value, number - listed[why], explained=why is not None)
            tally.not_listed += number - listed[why] if why != Why.LEFT_ALONE else 0

    async def _add(
        self,
        job: Job,
        tally: _Tally,
        scope: Scope,
        found: Sequence[Difference],
        details: Sequence[Mapping[str, Any]],
    ) -> None:
        await self._comparisons.add_differences(job.id, job.step, found)
        tally.add(found, details, min(scope.show, SHOWN_MOST))

    async def _links(self, step: Step, scope: Scope) -> int:
        async with self._parts.writing, self._parts.store.begin() as unit:
            return round(await unit.count_links(step.name) * min(1.0, scope.share))

    async def _result(self, step: Step, scope: Scope, tally: _Tally) -> Mapping[str, Any]:
        async with self._comparisons.look() as look:
            rows = await look.count_rows(step)
        if scope.whole:
            left = {kind: tally.open[kind.value] for kind in Kind if tally.open[kind.value]}
            publish(self._parts, step, left, None)
        return {
            "compared": tally.compared,
            "whole": scope.whole,
            "in_salesforce": await self._parts.records.count(step.object, step.soql),
            "in_postgres": rows,
            "differences": dict(tally.open),
            "explained": dict(tally.explained),
            "by_field": dict(tally.fields),
            "shown": tally.shown,
            "not_listed": tally.not_listed,
        }


def _difference(item: Examined) -> Difference:
    finding = item.finding
    why = finding.why.value if finding.why is not None else None
    fields = tuple(each.field for each in finding.fields)
    return Difference(finding.kind.value, why, item.link.sf_id, item.link.key, fields)


def _shown(item: Examined) -> Mapping[str, Any]:
    return {**_bare(_difference(item)), "fields": [asdict(each) for each in item.finding.fields]}


def _alone(item: Difference, lone: Lone) -> Mapping[str, Any]:
    return {**_bare(item), "code": lone.code}


def _bare(item: Difference) -> Mapping[str, Any]:
    return {"kind": item.kind, "why": item.why, "sf_id": item.sf_id, "key": item.key}
