"""Records that were read whole, settled one by one down the road."""

from collections.abc import Sequence

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.flow.inbound import canonical, covers
from daemon.flow.observation import Observation
from daemon.flow.parts import Parts
from daemon.flow.settle import settle
from daemon.ports.salesforce import Record
from daemon.ports.store import Unit
from daemon.reconcile.fence import Worth, worth


async def settle_page(parts: Parts, unit: Unit, step: Step, source: Source, page: Sequence[Record]) -> None:
    """Settle what is news, leave alone what is old or confirms, and store the wish to read again where neither can be told."""
    ids = [record.id for record in page]
    links = await unit.links_of_records(ids)
    behind = await unit.unsettled_records(ids)
    doubted = await _made_in_doubt(unit, step)
    observations: list[Observation] = []
    again: list[Change] = []
    for record in page:
        link = links.get(record.id)
        if record.id in behind or (link is not None and link.step != step.name):
            continue
        judged = _judge(step, link, record)
        if link is None and doubted and external_id(step, record) in doubted:
            judged = (
                Worth.UNDECIDABLE
            )  # a create of ours without an answer: whoever resolves it reads the record
        if judged is Worth.NEWS:
            observations.append(
                Observation(step, record.id, source, record.stamp, raw=record.values, complete=True)
            )
        elif judged is Worth.UNDECIDABLE:
            again.append(
                Change(
                    step.name,
                    Side.SALESFORCE,
                    ChangeKind.REREAD,
                    source,
                    record.stamp,
                    record.id,
                    link.key if link else None,
                )
            )
    await settle(parts, unit, observations)
    await unit.store_changes(again)


async def _made_in_doubt(unit: Unit, step: Step) -> frozenset[str]:
    rule = step.external_id
    return frozenset() if rule is None else await unit.creates_in_doubt(step.name, rule.salesforce)


def external_id(step: Step, record: Record) -> str | None:
    """What a record holds in the field that makes creates idempotent."""
    raw = record.values.get(step.external_id.salesforce) if step.external_id is not None else None
    return None if raw is None else str(raw)


def _judge(step: Step, link: Link | None, record: Record) -> Worth:
    if link is not None and link.state is LinkState.TOMBSTONE:
        return Worth.UNDECIDABLE  # undeleted, or read before it was deleted: only a look at it now can tell
    if link is None or not covers(step, link):
        return Worth.NEWS
    judged = worth(link, record.stamp, canonical(step, record.values))
    return Worth.NEWS if judged is Worth.CONFIRMS and record.values.get("IsConverted") is True else judged
