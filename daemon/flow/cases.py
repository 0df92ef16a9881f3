"""The unit of the worker's work: one pair, or one half, with all that waits for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from daemon.domain.change import Change, ChangeState
from daemon.domain.link import Link, LinkOrigin, LinkState
from daemon.domain.mapping import Step, Steps
from daemon.domain.plan import Hold, Outcome, Plan
from daemon.domain.side import Side
from daemon.domain.value import Values, no_values
from daemon.flow.elsewhere import is_of_another_table, owner, unsent
from daemon.flow.renames import follow_renames
from daemon.ports.salesforce import Deleted, Record, WriteResult
from daemon.ports.store import Row, Unit
from daemon.reconcile.turns import Loop


@dataclass(slots=True)
class Case:
    """One record and everything that waits for it, filled stage by stage.

    `theirs` are stored changes of the Salesforce side, `ours` those of the PostgreSQL side, oldest first. `record` is
    what was read, `deleted` what became of a record that is not there, `blind` that the base stands for the record, which it
    cannot if the record is `unread`: something that Salesforce said of it, or did not say, waits to be read.
    `outside` says that the step's filter on records leaves the record out. `overtaken` says that the link learned something newer while the case was worked on, `to_link` that the record of a create
    in doubt was found: the pair is linked before anything more is sent, so that no second doubt hides what the first was about.
    `told_done` are values of a write in doubt that events told of, `untold` says that events of it have still to come, `made_ids` are
    the external ids that were made up for creates of the row.
    `former` is the link that a record had when the rules found it, which pairs nothing any more.
    `blamed` says that its write was sent alone and not answered, while others were: it lies in the record.
    `occupied` says that a create came upon a record that another row has: the record's own row goes on, and this one waits for a person.
    `loops` are those with which the write of a field to Salesforce would have gone on; it is held back.
    """

    step: Step
    link: Link | None = None
    sf_id: str | None = None
    key: str | None = None
    theirs: tuple[Change, ...] = ()
    ours: tuple[Change, ...] = ()
    row: Row | None = None
    record: Record | None = None
    deleted: Deleted | None = None
    blind: bool = False
    outside: bool = False
    unread: bool = False
    origin: LinkOrigin | None = None
    hold: Hold | None = None
    plan: Plan = field(default_factory=Plan)
    external_id: tuple[str, str] | None = None
    result: WriteResult | None = None
    sent: Values = field(default_factory=no_values)
    told_done: Values = field(default_factory=no_values)
    untold: bool = False
    made_ids: frozenset[str] = frozenset()
    settled_early: bool = False
    overtaken: bool = False
    to_link: bool = False
    blamed: bool = False
    occupied: Hold | None = None
    loops: Mapping[str, Loop] = field(default_factory=dict)
    former: Link | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """All stored changes of the case."""
        return (*self.theirs, *self.ours)

    @property
    def in_doubt(self) -> bool:
        """Whether a write of ours was sent whose outcome nobody knows."""
        return bool(self.doubted)

    @property
    def doubted(self) -> tuple[Change, ...]:
        """The local changes that were sent and not answered. One that was refused is not among them: it was not done."""
        return tuple(change for change in self.ours if change.state is ChangeState.SENT)

    @property
    def linked(self) -> bool:
        """Whether the case has a living link."""
        return self.link is not None and self.link.state is LinkState.LINKED


def made_up(case: Case) -> str | None:
    """The external id that was made up for a create in doubt, and sent with it; None if there is none."""
    rule = case.step.external_id
    if rule is None:
        return None
    sent = (str((change.sent or {}).get(rule.salesforce)) for change in case.doubted)
    return next((text for text in sent if text in case.made_ids), None)


def united(cases: Sequence[Case]) -> list[Case]:
    """Cases that turned out to be of one record become one: an event of a record that a create in doubt has made."""
    by_record = {case.sf_id: case for case in cases if case.ours and case.sf_id is not None}
    kept = []
    for case in cases:
        other = by_record.get(case.sf_id) if case.sf_id is not None else None
        if other is None or other is case or case.ours:
            kept.append(case)
        else:
            other.theirs = (*case.theirs, *other.theirs)
            other.settled_early = False
    return kept


async def look_back(unit: Unit, cases: Sequence[Case]) -> None:
    """Find the cases whose link has moved on since they were loaded: what was read for them may be older than it."""
    links = await unit.links_of_records(sorted({case.sf_id for case in cases if case.sf_id is not None}))
    survivors = {case.deleted.merged_into for case in cases if case.deleted is not None}
    for case in cases:
        if case.link is None and case.sf_id is not None and case.sf_id in survivors:
            case.overtaken = True  # a link of this batch is about to move to it
        now = links.get(case.sf_id or "")
        if now is not None:
            case.overtaken = _moved_on(case, now)


def _moved_on(case: Case, now: Link) -> bool:
    """Whether the link of a case's record is not the one by which it was read any more."""
    if case.former is not None:
        return (now.id, now.seen) != (case.former.id, case.former.seen) or not now.ended
    return now.seen != (case.link.seen if case.link is not None else None)


async def gather(unit: Unit, steps: Steps, step: Step, changes: Sequence[Change]) -> list[Case]:
    """Cases of one step from its stored changes: what belongs to one pair becomes one case. Rows that were renamed keep their links.

    What was told of a record that another step has paired meanwhile is given to that step.
    """
    by_record = await _links_of(unit, changes)
    followed = await follow_renames(unit, steps, step, changes, by_record.values())
    if followed is not None:
        changes, by_record = followed, await _links_of(unit, followed)
    theirs = [change for change in changes if change.side is Side.SALESFORCE and change.sf_id is not None]
    theirs = await _without_strange(unit, steps, step, theirs, by_record)
    ours = [change for change in changes if change.side is Side.POSTGRES and change.key is not None]
    by_row = await unit.links_of_rows(step.table.qualified, sorted({c.key for c in ours if c.key}))
    cases: dict[tuple[str, str], Case] = {}
    for change in theirs:
        link = by_record.get(change.sf_id or "")
        name = ("key", link.key) if link is not None else ("id", change.sf_id or "")
        # the key that was stored with a change is that of the pair of its time: without a link, it names no row any more
        case = cases.setdefault(name, Case(step, link, change.sf_id, link.key if link else None))
        case.theirs += (change,)
        if link is not None and _is_of_former_pair(step, link):
            case.hold = _FORMER_PAIR
    for change in ours:
        link = by_row.get(change.key or "")
        case = cases.setdefault(("key", change.key or ""), Case(step, link, None, change.key))
        case.ours += (change,)
        if link is not None and _is_of_another(step, link):
            case.hold = _ELSEWHERE
            if (told := unsent(step, link, case.ours)) is not None:
                case.hold, case.plan = told, Plan(held={Side.SALESFORCE: told})
            continue
        if link is not None and _is_of_former_pair(step, link):
            case.hold = _FORMER_PAIR
        if link is not None and case.link is None:
            case.link = link
        if link is not None and case.sf_id is None and link.state is not LinkState.TOMBSTONE:
            case.sf_id = link.sf_id
    await _with_doubts(unit, step, cases.values())
    await _with_events(unit, step, cases.values())
    await _mark_unread(unit, step, cases.values())
    return list(cases.values())


async def _without_strange(
    unit: Unit, steps: Steps, step: Step, theirs: Sequence[Change], links: Mapping[str, Link]
) -> list[Change]:
    """Those of these changes that are this step's. Of pairs whose step is not configured nothing is kept: they are compared when it is back."""
    strange = {
        change.id: (change, link)
        for change in theirs
        if (link := links.get(change.sf_id or "")) is not None and is_of_another_table(step, link)
    }
    if not strange:
        return list(theirs)
    given = [
        replace(change, step=other.name, key=link.key, state=ChangeState.PENDING, due=None)
        for change, link in strange.values()
        if (other := owner(steps, link)) is not None
    ]
    await unit.store_changes(given)
    await unit.settle(list(strange))
    return [change for change in theirs if change.id not in strange]


_ELSEWHERE: Final = Hold(
    Outcome.SKIP,
    "other_step",
    "The row is linked to a record of another object, by another step of its table.",
)


def _is_of_another(step: Step, link: Link) -> bool:
    """Whether a row's link is not this step's to follow: a person's row is a contact's or a lead's."""
    return link.step != step.name and link.object != step.object and link.state is LinkState.LINKED


_FORMER_PAIR: Final = Hold(
    Outcome.PARK,
    "former_pair",
    "The step names another object or table than the one of this link, so nothing is read or written by it.",
)


def _is_of_former_pair(step: Step, link: Link) -> bool:
    """Whether a step's link was made while it named another object or table: under the one it names now, its id would look deleted."""
    pair = link.object, link.table
    paired = link.state in (LinkState.LINKED, LinkState.TOMBSTONE)
    return paired and link.step == step.name and pair != (step.object, step.table.qualified)


async def _links_of(unit: Unit, changes: Sequence[Change]) -> dict[str, Link]:
    """The links of the records that changes of the Salesforce side tell of."""
    return await unit.links_of_records(
        sorted({c.sf_id for c in changes if c.side is Side.SALESFORCE and c.sf_id})
    )


async def _with_doubts(unit: Unit, step: Step, cases: Iterable[Case]) -> None:
    """A write in doubt is resolved whenever its record is looked at, whether or not its own turn has come.

    Decided without it, our own value would look like somebody else's, and quarrel with what was edited here since.
    """
    by_key = {case.key: case for case in cases if case.key is not None}
    for key, changes in (await unit.local_changes(step.name, sorted(by_key))).items():
        case = by_key[key]
        case.made_ids = frozenset(c.external_id for c in (*changes, *case.ours) if c.external_id)
        claimed = {change.id for change in case.ours}
        doubted = [c for c in changes if c.state is ChangeState.SENT and c.id not in claimed]
        if doubted:
            case.ours = tuple(sorted((*doubted, *case.ours), key=lambda change: change.id))


async def _with_events(unit: Unit, step: Step, cases: Iterable[Case]) -> None:
    """All that was told of a record with a write in doubt is looked at with it: an event may say that the write was done."""
    doubtful = {case.sf_id: case for case in cases if case.in_doubt and case.sf_id is not None}
    stored = await unit.record_changes(step.name, sorted(doubtful)) if doubtful else {}
    for sf_id, changes in stored.items():
        case = doubtful[sf_id]
        merged = {change.id: change for change in (*changes, *case.theirs)}
        case.theirs = tuple(merged[number] for number in sorted(merged))


async def _mark_unread(unit: Unit, step: Step, cases: Iterable[Case]) -> None:
    """What waits of a record outside this batch may tell what a write would replace: a gap's own re-read above all."""
    ours = {case.sf_id: case for case in cases if case.ours and not case.theirs and case.sf_id is not None}
    for sf_id in await unit.unread_records(step.name, sorted(ours)) if ours else ():
        ours[sf_id].unread = True
