"""The worker's reads: the Salesforce half of each case, as few calls as it takes."""

from collections.abc import Mapping, Sequence

from daemon.domain.change import ChangeKind
from daemon.domain.link import Link
from daemon.domain.mapping import Identify, IdentifyKind, Normalise, Step
from daemon.domain.plan import Hold, Outcome
from daemon.domain.policy import ConvertedLead
from daemon.domain.value import Raw
from daemon.flow.cases import Case, made_up
from daemon.flow.destinations import look_among_siblings, may_name
from daemon.flow.inbound import canonical, covers, is_open
from daemon.flow.memberships import records_by_references, rule_of
from daemon.flow.parts import Parts
from daemon.ports.salesforce import Record
from daemon.reconcile.fence import Worth, may_write_blind, worth
from daemon.reconcile.identify import Candidates, Match, choose, claimed_twice, normalised

BLIND_MOST = 24
"""Up to this many cases are written conditionally without reading first: one call each dozen, and the least delay."""

_MUST_READ = frozenset({ChangeKind.REREAD, ChangeKind.DELETE, ChangeKind.UNDELETE, ChangeKind.CREATE})


def read_fields(step: Step) -> tuple[str, ...]:
    """The fields that a read asks for."""
    return tuple(dict.fromkeys((*step.salesforce_fields, *step.markers)))


async def read_cases(parts: Parts, step: Step, cases: Sequence[Case], *, force: bool = False) -> None:
    """Give each case what is known of its Salesforce half: a record, its end, or the right to go by the base."""
    for case in cases:
        case.settled_early = not force and _says_nothing_new(case)
    open_cases = [case for case in cases if not case.settled_early and case.hold is None]
    blind = [case for case in open_cases if _may_go_blind(case)] if parts.heard.following else []
    if not force and len(blind) <= BLIND_MOST:
        for case in blind:
            case.blind = True
    await _read_known(parts, step, [case for case in open_cases if case.sf_id is not None and not case.blind])
    unknown = [case for case in open_cases if case.sf_id is None]
    await _find_unknown(parts, step, unknown)
    await look_among_siblings(parts, step, unknown, _hits)
    await _ask_the_filter(parts, step, open_cases)


async def _ask_the_filter(parts: Parts, step: Step, cases: Sequence[Case]) -> None:
    """Have Salesforce say which of the records that were read meet the step's condition."""
    read = [case for case in cases if case.record is not None]
    if step.pull_filter is None or not read:
        return
    ids = sorted({case.record.id for case in read if case.record is not None})
    inside = await parts.records.meeting(step.object, step.pull_filter.condition, ids)
    for case in read:
        case.outside = case.record is not None and case.record.id not in inside


def _says_nothing_new(case: Case) -> bool:
    """Stored events that turned out to be echoes: the link knows by now what they say.

    Where the base lacks something that the record holds, an event stands for the record, whatever it says itself.
    """
    if (
        case.ours
        or case.step.must_read
        or not case.linked
        or case.link is None
        or case.link.seen is None
        or not covers(case.step, case.link)
    ):
        return False
    quiet = (Worth.STALE, Worth.CONFIRMS)
    return all(
        change.kind not in _MUST_READ
        and worth(case.link, change.at, canonical(case.step, change.values)) in quiet
        and not is_open(case.step, case.link, change.at, change.values)
        for change in case.theirs
    )


def _may_go_blind(case: Case) -> bool:
    """Whether the base may stand for the record.

    What a conditional write replaces within the second of its condition is known by its event alone. So this is only for
    as long as the stream is followed, and not for a record of which something is still to be read.
    """
    if case.theirs or case.unread or not case.linked or case.link is None or case.in_doubt:
        return False
    if case.step.object == "Lead" and (case.step.joins or case.step.converted_lead is ConvertedLead.IGNORE):
        return False  # it may have been converted, and is written no more then
    if case.step.pull_filter is not None:
        return False  # nobody knows what the filter says of the record by now
    if case.row is not None and not case.row.eligible:
        return False  # it may have left just now, and its link is to know that
    updates = all(
        change.kind in (ChangeKind.UPDATE, ChangeKind.REKEY) and not change.attempts for change in case.ours
    )
    return updates and may_write_blind(case.link) and covers(case.step, case.link)


async def _read_known(parts: Parts, step: Step, cases: Sequence[Case]) -> None:
    ids = sorted({case.sf_id for case in cases if case.sf_id is not None})
    if not ids:
        return
    records = await parts.records.read(step.object, read_fields(step), ids)
    gone = [sf_id for sf_id in ids if sf_id not in records]
    deleted = await parts.records.read_deleted(step.object, gone) if gone else {}
    for case in cases:
        case.record = records.get(case.sf_id or "")
        case.deleted = deleted.get(case.sf_id or "")


async def _find_unknown(parts: Parts, step: Step, cases: Sequence[Case]) -> None:
    """Look for the records that unlinked rows belong to, rule by rule in the configured order."""
    found: dict[int, list[Candidates]] = {id(case): [] for case in cases}
    records: dict[str, Record] = {}
    for rule in step.identify:
        hits = await _hits(parts, step, rule, cases)
        records.update({record.id: record for matches in hits.values() for record in matches})
        for case in cases:
            matches = hits.get(id(case), [])
            if matches:
                found[id(case)].append(Candidates(rule, tuple(record.id for record in matches)))
    if step.references:
        referring = await records_by_references(parts, step, read_fields(step), cases)
        for place, same in referring.items():
            records.update({record.id: record for record in same})
            found[place].append(Candidates(rule_of(step), tuple(record.id for record in same)))
    _hold_repeated(step, [case for case in cases if not found[id(case)]])
    links, taken = await _links(parts, records)
    given: set[str] = set()
    for case in cases:
        candidates = [Candidates(c.rule, c.found, taken & set(c.found)) for c in found[id(case)]]
        match choose(candidates):
            case Match(sf_id, _) if sf_id in given:
                case.hold = claimed_twice(sf_id)
            case Match(sf_id, _) if step.adds_once and sf_id in links:
                case.hold = _ADDED_BEFORE
            case Match(sf_id, origin):
                case.sf_id, case.origin, case.record = sf_id, origin, records[sf_id]
                case.former = links.get(sf_id)
                given.add(sf_id)
            case None:
                pass
            case hold:
                case.hold = hold
    await _find_deleted(parts, step, [case for case in cases if case.record is None and case.hold is None])


def _hold_repeated(step: Step, cases: Sequence[Case]) -> None:
    """Of rows with one tracking value, of which no record is there yet, the first makes it; the others would make it twice."""
    if not step.adds_once or not step.identify:
        return
    given: set[str] = set()
    for case in cases:
        text = _identifier(step.identify[0], case)
        if text is not None and text.casefold() in given:
            case.hold = claimed_twice(text)
        elif text is not None:
            given.add(text.casefold())


async def _find_deleted(parts: Parts, step: Step, cases: Sequence[Case]) -> None:
    """Creates in doubt whose record is not there may have been done, and the record deleted since.

    Sent again, such a create would make a second record of what somebody did away with. Only an external id that was made up for the
    create tells: another one may be that of a record which was deleted long before.
    """
    wanted = {text: case for case in cases if case.link is None and (text := made_up(case)) is not None}
    rule = step.external_id
    if rule is None or not wanted:
        return
    found = await parts.records.find_deleted(step.object, rule.salesforce, sorted(wanted))
    async with parts.writing, parts.store.begin() as unit:
        known = await unit.links_of_records(sorted({deleted.id for deleted in found.values()}))
    for text, deleted in found.items():
        if deleted.id not in known:
            wanted[text].sf_id, wanted[text].deleted = deleted.id, deleted


async def _links(parts: Parts, records: Mapping[str, Record]) -> tuple[Mapping[str, Link], frozenset[str]]:
    """The links of records that rules have found, and those of the records that no rule may pair.

    A link that has ended keeps its record for a row that is there still: the record is back, and so is their pair before long.
    """
    if not records:
        return {}, frozenset()
    async with parts.writing, parts.store.begin() as unit:
        links = await unit.links_of_records(sorted(records))
        ended = {sf_id: link for sf_id, link in links.items() if link.ended and not _is_spent(records[sf_id])}
        rows: set[tuple[str, str]] = set()
        for name in {link.step for link in ended.values()} & parts.steps.by_name.keys():
            keys = sorted(link.key for link in ended.values() if link.step == name)
            rows |= {(name, key) for key in await unit.rows(parts.steps.by_name[name], keys)}
    kept = {sf_id for sf_id, link in ended.items() if (link.step, link.key) in rows}
    return links, frozenset(kept | {sf_id for sf_id, link in links.items() if not link.ended})


def _is_spent(record: Record) -> bool:
    """Whether it is a lead that was converted: what becomes of it is decided by that, whoever it was paired with."""
    return record.values.get("IsConverted") is True


_ADDED_BEFORE = Hold(
    Outcome.SKIP, "added_once", "A record with this tracking value was added before, for a row that is gone."
)


async def _hits(parts: Parts, step: Step, rule: Identify, cases: Sequence[Case]) -> dict[int, list[Record]]:
    """The records that each case's identifier names under one rule."""
    wanted = {id(case): text for case in cases if (text := _identifier(rule, case)) is not None}
    if not wanted:
        return {}
    if rule.kind is IdentifyKind.SALESFORCE_ID:
        wanted = {case: text for case, text in wanted.items() if may_name(step, text)}
        by_id = await parts.records.read(step.object, read_fields(step), sorted(set(wanted.values())))
        return {case: [by_id[text]] for case, text in wanted.items() if text in by_id}
    spellings = sorted({item for text in wanted.values() for item in spelled(text, rule)})
    answers = await parts.records.find(step.object, read_fields(step), rule.salesforce, spellings)
    by_text: dict[str, dict[str, Record]] = {}
    for record in (record for records in answers.values() for record in records):
        text = normalised(_plain(record.values.get(rule.salesforce)), rule.normalise)
        by_text.setdefault(text.casefold(), {})[record.id] = record
    return {
        case: list(by_text[key].values())
        for case, text in wanted.items()
        if (key := normalised(text, rule.normalise).casefold()) in by_text
    }


def _plain(raw: Raw) -> str:
    return "" if raw is None else f"{raw:.0f}" if isinstance(raw, float) and raw.is_integer() else str(raw)


def _identifier(rule: Identify, case: Case) -> str | None:
    if (
        case.step.adds_once and case.in_doubt
    ):  # what was sent is what would be found, whatever the row says by now
        given = [(change.sent or {}).get(rule.salesforce) for change in case.doubted]
        if any(given):
            return next(str(text) for text in given if text)
    text = case.row.values.get(rule.column) if case.row is not None else None
    if text:
        return text
    if rule.kind is not IdentifyKind.EXTERNAL_ID:
        return None
    sent = [(change.sent or {}).get(rule.salesforce) for change in case.ours]
    made = [change.external_id for change in case.ours]
    return next((str(text) for text in (*sent, *made) if text), None)


def spelled(text: str, rule: Identify) -> tuple[str, ...]:
    """The spellings of an identifier to ask Salesforce for: it compares text without regard to case, nothing more."""
    plain = normalised(text, rule.normalise)
    if Normalise.DOMAIN not in rule.normalise:
        return tuple(dict.fromkeys((text.strip(), plain)))
    hosts = (plain, f"www.{plain}")
    schemes = ("", "https://", "http://")
    return (
        text.strip(),
        *(f"{scheme}{host}{end}" for scheme in schemes for host in hosts for end in ("", "/")),
    )
