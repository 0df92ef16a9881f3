"""Records that were read whole, settled one by one down the road."""

from collections.abc import Sequence

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.flow.doubts import created_in_doubt, is_among
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
    doubted = await created_in_doubt(unit, parts.steps, step.object)
    observations: list[Observation] = []
    again: list[Change] = []
    for record in page:
        link = links.get(record.id)
        if record.id in behind or (link is not None and link.step != step.name):
            continue
        judged = _judge(step, link, record)
        if link is None and is_among(doubted, record.values):
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


def _judge(step: Step, link: Link | None, record: Record) -> Worth:
    if link is not None and link.state is LinkState.TOMBSTONE:
        return Worth.UNDECIDABLE  # undeleted, or read before it was deleted: only a look at it now can tell
    if link is None or not covers(step, link):
        return Worth.NEWS
    judged = worth(link, record.stamp, canonical(step, record.values))
    return Worth.NEWS if judged is Worth.CONFIRMS and record.values.get("IsConverted") is True else judged
