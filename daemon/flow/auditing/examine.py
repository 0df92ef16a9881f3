"""Some pairs of a step held against Salesforce, without a lock and without stopping anything.

The database is looked at, then Salesforce, then the database once more at what seemed to differ: a pair that moved meanwhile is on its way,
and so is a record that changed so lately that its event may still be coming. What is left differs in truth.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from daemon.domain.link import Link
from daemon.domain.mapping import Step
from daemon.domain.view import Presence, View
from daemon.flow.parts import Parts
from daemon.flow.reading import read_fields
from daemon.flow.views import References, postgres_view, salesforce_view
from daemon.ports.comparing import Comparisons, Look, Standing
from daemon.ports.salesforce import Record
from daemon.reconcile.compare import Finding, Kind, Why, weigh

GRACE: Final = timedelta(seconds=30)
"""How long the event of a change may take to arrive."""
AT_ONCE: Final = 200
"""Pairs that are weighed before the event loop gets its turn."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A finding with the pair that it is about, and its two halves as they were seen."""

    link: Link
    finding: Finding
    salesforce: View
    postgres: View
    record: Record | None


GONE: Final = View(Presence.GONE)


async def examine(
    parts: Parts, comparisons: Comparisons, step: Step, pairs: Sequence[Standing]
) -> list[Examined]:
    """What is not as agreed among these pairs. One call to Salesforce for each 2,000. Raises CallFailedError."""
    if not pairs:
        return []
    ids = [pair.link.sf_id for pair in pairs]
    records = await parts.records.read(step.object, read_fields(step), ids, "reconcile")
    raws = [record.values for record in records.values()]
    outside = await _left_out(parts, step, records)
    async with comparisons.look() as look:
        rows = [pair.row for pair in pairs if pair.row is not None]
        references = await References.load(look, parts.steps, step, rows, raws)
        suspects = await _weighed(parts, step, pairs, records, references, outside)
        return await _looked_at_again(parts, look, step, suspects, records, references, outside)


async def _weighed(
    parts: Parts,
    step: Step,
    pairs: Sequence[Standing],
    records: dict[str, Record],
    references: References,
    outside: AbstractSet[str],
) -> list[Standing]:
    found: list[Standing] = []
    for start in range(0, len(pairs), AT_ONCE):
        found.extend(
            pair
            for pair in pairs[start : start + AT_ONCE]
            if _examined(parts, step, pair, records.get(pair.link.sf_id), references, outside) is not None
        )
        await parts.clock.sleep(0)
    return found


async def _looked_at_again(
    parts: Parts,
    look: Look,
    step: Step,
    suspects: Sequence[Standing],
    records: dict[str, Record],
    references: References,
    outside: AbstractSet[str],
) -> list[Examined]:
    """The suspects as they are now. What has moved since the first look is about to be settled by what moved it."""
    if not suspects:
        return []
    now = {pair.link.id: pair for pair in await look.pairs_of(step, [pair.link.id for pair in suspects])}
    found = []
    for before in suspects:
        pair = now.get(before.link.id)
        if pair is None:
            continue
        record = records.get(pair.link.sf_id)
        examined = _examined(parts, step, pair, record, references, outside)
        if examined is None:
            continue
        moved = pair.link != before.link or pair.row != before.row
        fresh = record is not None and record.stamp > parts.salesforce_now() - GRACE
        if examined.finding.why is None and (moved or fresh):
            examined = replace(examined, finding=replace(examined.finding, why=Why.WAITING))
        found.append(examined)
    return found


async def _left_out(parts: Parts, step: Step, records: Mapping[str, Record]) -> AbstractSet[str]:
    """The records that the step's filter leaves out, as Salesforce judges it."""
    if step.pull_filter is None or not records:
        return frozenset()
    ids = sorted(records)
    return frozenset(ids) - await parts.records.meeting(step.object, step.pull_filter.condition, ids)


def _examined(
    parts: Parts,
    step: Step,
    pair: Standing,
    record: Record | None,
    references: References,
    outside: AbstractSet[str],
) -> Examined | None:
    theirs = (
        salesforce_view(
            step,
            record.values,
            references,
            at=record.stamp,
            complete=True,
            outside=record.id in outside,
        )
        if record is not None
        else GONE
    )
    ours = postgres_view(step, pair.row, references, (), parts.skew.offset)
    finding = weigh(step, pair.link, theirs, ours, waiting=pair.waiting, disputed=pair.disputed)
    return Examined(pair.link, finding, theirs, ours, record) if finding is not None else None


def is_open(finding: Finding) -> bool:
    """Whether a finding is a difference that nothing explains."""
    return finding.why is None and finding.kind is not Kind.AGREED


METRIC_KINDS: Final = {
    Kind.ONLY_SALESFORCE: "missing_in_postgres",
    Kind.ONLY_POSTGRES: "missing_in_salesforce",
    Kind.DIFFERING: "field_mismatch",
}
"""How metrics name the kinds of open differences."""
