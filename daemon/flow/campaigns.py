"""The member statuses of campaigns that we made: there before the first member, as the local type says.

What is wanted is told by the type, what is there by Salesforce, so nothing of it is stored: whatever is interrupted is found lacking at
the next look. Campaigns that were there before us are left as they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import structlog

from daemon.domain.campaign import CampaignType, NewStatus, lacking
from daemon.domain.failure import CallFailedError, Failure, FailureKind
from daemon.domain.link import Link, LinkOrigin, LinkState
from daemon.domain.mapping import Step, Steps
from daemon.domain.plan import Hold, Operation, Outcome, Plan
from daemon.domain.value import Raw
from daemon.flow.cases import Case
from daemon.flow.parts import Parts
from daemon.ports.salesforce import Record, RecordWrite, WriteResult
from daemon.reconcile.remedy import REMEDIES, Remedy

log = structlog.get_logger(__name__)

OBJECT: Final = "CampaignMemberStatus"
FIELDS: Final = ("CampaignId", "Label", "SortOrder")
CAMPAIGN: Final = "CampaignId"
KNOWN_MOST: Final = 100_000
"""Campaigns whose statuses are remembered to be there; with more, all are looked at again."""


class MemberStatuses:
    """Makes statuses, and remembers for as long as the process lives which campaigns have theirs."""

    def __init__(self) -> None:
        self._done: dict[
            str, tuple[str, CampaignType]
        ] = {}  # by key: what has its statuses, and of which type
        self._due: dict[str, str] = {}  # key -> step: campaigns that were made, and have no member yet

    async def before_members(self, parts: Parts, step: Step, cases: Sequence[Case]) -> None:
        """Before members are sent: what cannot be given its statuses keeps its members back, and nobody else's.

        Raises CallFailedError where Salesforce cannot be asked.
        """
        campaigns = campaigns_of(parts.steps, step)
        column = step.by_name[CAMPAIGN].column if campaigns is not None else None
        if campaigns is None or column is None:
            return
        sent = [case for case in cases if _is_sent(case)]
        by_key: dict[str, list[Case]] = {}
        for case in sent:
            key = case.row.values.get(column) if case.row is not None else None
            if key is not None:
                by_key.setdefault(key, []).append(case)
        for key, failure in (await self._make(parts, campaigns, by_key)).items():
            for case in by_key[key]:
                _keep_back(case, failure)

    async def after_campaigns(self, parts: Parts, step: Step, cases: Sequence[Case]) -> None:
        """After campaigns were made. What fails is tried again when the worker looks next, or before the first member."""
        if step.campaign is None or not step.campaign.types:
            return
        for case in cases:
            if case.key is not None and _was_made(case):
                self._due[case.key] = step.name
        wanted = [key for key, name in self._due.items() if name == step.name]
        try:
            failures = await self._make(parts, step, wanted)
        except CallFailedError as error:
            log.warning(
                "campaign_statuses_late", step=step.name, code=error.failure.code, campaigns=len(wanted)
            )
            return
        for key in wanted:
            del self._due[key]
        for key, failure in failures.items():
            log.warning("campaign_statuses_refused", step=step.name, key=key, code=failure.code)

    async def _make(self, parts: Parts, step: Step, keys: Iterable[str]) -> Mapping[str, Failure]:
        """Give these campaigns the statuses that they lack; the failures by campaign. Few calls for all of them."""
        asked = sorted(set(keys))
        made = await _made_by_us(parts, step, asked) if asked else {}
        ours = {
            key: (link, kind)
            for key, (link, kind) in made.items()
            if self._done.get(key) != (link.sf_id, kind)
        }
        if not ours:
            return {}
        there = await statuses_of(parts, [link.sf_id for link, _ in ours.values()])
        wanted = [
            (key, link.sf_id, status)
            for key, (link, kind) in ours.items()
            for status in lacking(kind, [str(each.values["Label"]) for each in there.get(link.sf_id, ())])
        ]
        failures: dict[str, Failure] = {}
        writes = [_new(sf_id, status) for _, sf_id, status in wanted]
        results = await parts.records.write(OBJECT, (), writes) if writes else []
        for (key, _, _), result in zip(wanted, results, strict=True):
            if result.failure is not None:
                failures.setdefault(key, result.failure)
        if len(self._done) > KNOWN_MOST:
            self._done.clear()
        self._done.update(
            {key: (link.sf_id, kind) for key, (link, kind) in ours.items() if key not in failures}
        )
        return failures


def campaigns_of(steps: Steps, step: Step) -> Step | None:
    """The step of the campaigns whose members a step carries, where their types are described."""
    field = step.by_name.get(CAMPAIGN)
    found = steps.by_name.get(field.lookup or "") if field is not None else None
    if found is None or found.campaign is None or not found.campaign.types:
        return None
    return found if found.campaign.members == step.name else None


async def statuses_of(parts: Parts, ids: Sequence[str]) -> Mapping[str, Sequence[Record]]:
    """The member statuses of campaigns in Salesforce, in their order, by campaign."""
    if not ids:
        return {}
    found = await parts.records.find(OBJECT, FIELDS, CAMPAIGN, sorted(set(ids)))
    return {sf_id: sorted(each, key=_place) for sf_id, each in found.items()}


def _place(record: Record) -> float:
    order = record.values.get("SortOrder")
    return float(order) if isinstance(order, int | float) else 0.0


async def _made_by_us(
    parts: Parts, step: Step, keys: Sequence[str]
) -> Mapping[str, tuple[Link, CampaignType]]:
    """Campaigns with a living link that was made with the record, and their types."""
    async with parts.writing, parts.store.begin() as unit:
        links = await unit.links_of_rows(step.table.qualified, keys)
        rows = await unit.rows(step, keys)
    found: dict[str, tuple[Link, CampaignType]] = {}
    for key, link in links.items():
        rules, row = step.campaign, rows.get(key)
        kind = rules.type_of(row.values) if rules is not None and row is not None else None
        ours = link.state is LinkState.LINKED and link.origin is LinkOrigin.CREATED
        if ours and link.step == step.name and kind is not None:
            found[key] = (link, kind)
    return found


def _new(campaign: str, status: NewStatus) -> RecordWrite:
    """A status beside those that Salesforce gives each campaign. Which of them is its default is left to Salesforce."""
    values: dict[str, Raw] = {CAMPAIGN: campaign, "Label": status.label, "SortOrder": status.order}
    return RecordWrite(Operation.CREATE, values)


def _is_sent(case: Case) -> bool:
    write = case.plan.salesforce
    return write is not None and write.operation is not Operation.DELETE and case.hold is None


def _was_made(case: Case) -> bool:
    write, result = case.plan.salesforce, case.result
    if write is None or result is None or result.failure is not None:
        return False
    return write.operation is Operation.CREATE


def _keep_back(case: Case, failure: Failure) -> None:
    """Nothing is sent of a member whose campaign lacks its status: it waits for a person, or is tried again where that may help."""
    case.plan = Plan()
    if REMEDIES[failure.kind] in (Remedy.PARK, Remedy.WAIT):
        case.hold = _refused(failure)
    else:  # whether the statuses were made or not, the member was not sent
        unsent = (
            replace(failure, kind=FailureKind.TRANSIENT)
            if failure.kind is FailureKind.UNKNOWN_OUTCOME
            else failure
        )
        case.result = WriteResult(failure=unsent)


def _refused(failure: Failure) -> Hold:
    return Hold(
        Outcome.PARK,
        failure.code,
        f"The statuses of its campaign could not be made: {failure.message}",
        failure.advice,
        failure.reason,
    )
