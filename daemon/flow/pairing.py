"""Which row each observed record belongs to: by its link, by the caller's word, or by the identify rules."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from daemon.domain.failure import Reason
from daemon.domain.ids import record_id
from daemon.domain.link import Link, LinkOrigin, LinkState
from daemon.domain.mapping import Identify, IdentifyKind, Step
from daemon.domain.plan import Hold, Outcome, Plan
from daemon.domain.policy import ConvertedLead
from daemon.domain.value import Raw
from daemon.domain.view import Presence
from daemon.flow.observation import Observation
from daemon.ports.store import Row, RowResult, Unit
from daemon.reconcile.identify import Candidates, Match, choose, claimed_twice, normalised


@dataclass(slots=True)
class Pair:
    """One observation with its other half, as it is worked through a transaction.

    `former` is a link of the record that has ended, and gives way to the pair that a rule made of it with another row. `parked` says that it
    is held back for the reason for which it is parked already.
    """

    seen: Observation
    link: Link | None = None
    key: str | None = None
    origin: LinkOrigin | None = None
    hold: Hold | None = None
    row: Row | None = None
    former: Link | None = None
    plan: Plan = field(default_factory=Plan)
    result: RowResult | None = None
    survivor_is_linked: bool = False
    restores: bool = False
    parked: bool = False


async def pair_up(unit: Unit, step: Step, observations: Sequence[Observation]) -> list[Pair]:
    """Find the other half of each observation; every query is made once for all of them."""
    links = await unit.links_of_records(sorted({item.sf_id for item in observations}))
    pairs = [Pair(item, link=links.get(item.sf_id)) for item in observations]
    for pair in pairs:
        if pair.link is not None and _gives_way(pair.link, pair.seen):
            pair.link, pair.former = None, pair.link
    await _pair_by_word(
        unit, step, [pair for pair in pairs if pair.link is None and pair.seen.key is not None]
    )
    strangers = [
        pair
        for pair in pairs
        if pair.link is None
        and pair.key is None
        and pair.seen.presence is Presence.PRESENT
        and not _is_spent(step, pair.seen)
    ]
    await _pair_by_identifier(unit, step, strangers)
    for pair in pairs:
        if pair.link is not None:
            pair.key = pair.link.key
    await _look_up_survivors(unit, pairs)
    return pairs


def _gives_way(link: Link, seen: Observation) -> bool:
    """Whether a record's link has ended, and a rule has found another row for the record since."""
    found = seen.origin is not None and seen.key is not None and seen.key != link.key
    return found and link.ended and seen.presence is Presence.PRESENT


def _is_spent(step: Step, seen: Observation) -> bool:
    """Whether a record is a converted lead that is paired no more: what it became may well be paired with the row that it resembles."""
    return seen.raw.get("IsConverted") is True and step.converted_lead is not ConvertedLead.IGNORE


async def _pair_by_word(unit: Unit, step: Step, pairs: Sequence[Pair]) -> None:
    """Pairs whose row is known: the row may have had another record before, which is gone."""
    keys = [pair.seen.key for pair in pairs if pair.seen.key is not None]
    if not keys:
        return
    links = await unit.links_of_rows(step.table.qualified, keys)
    for pair in pairs:
        pair.key = pair.seen.key
        pair.origin = pair.seen.origin
        former = links.get(pair.key or "")
        if former is not None and former.state is LinkState.LINKED and former.sf_id != pair.seen.replaces:
            pair.hold = _occupied(former)
        else:
            pair.link = former


def _occupied(link: Link) -> Hold:
    return Hold(
        Outcome.PARK,
        "already_linked",
        f"Row {link.key} is linked to {link.sf_id} already.",
        "Remove that link first (isthmus link remove), or leave the pair as it is.",
        Reason.DUPLICATE,
        candidates=(link.sf_id,),
    )


async def _pair_by_identifier(unit: Unit, step: Step, pairs: Sequence[Pair]) -> None:
    candidates: dict[int, list[Candidates]] = {index: [] for index in range(len(pairs))}
    known: dict[
        str, Link
    ] = {}  # of the rows that were found; one that may be paired had another record before, which is gone
    for rule in step.identify:
        wanted = {index: text for index, pair in enumerate(pairs) if (text := identifier(rule, pair.seen))}
        if not wanted:
            continue
        hits = await unit.match(step, rule, sorted(set(wanted.values())))
        keys = sorted({key for found in hits.values() for key in found})
        links = await unit.links_of_rows(step.table.qualified, keys) if keys else {}
        taken = frozenset(
            key
            for key, link in links.items()
            if link.state in (LinkState.LINKED, LinkState.BLOCKED, LinkState.UNLINKED)
        )
        for index, text in wanted.items():
            if hits.get(text):
                candidates[index].append(Candidates(rule, tuple(hits[text]), taken))
        known.update(links)
    given: set[str] = set()
    for index, pair in enumerate(pairs):
        match choose(candidates[index]):
            case Match(key, _) if key in given:
                pair.hold = claimed_twice(key)
            case Match(key, origin):
                pair.key, pair.origin, pair.link = key, origin, known.get(key)
                given.add(key)
            case Hold() as hold:
                pair.hold = hold
            case None:
                pass


def identifier(rule: Identify, seen: Observation) -> str | None:
    """The text by which a record looks for its row under one rule, normalised; None if it has none."""
    if rule.kind is IdentifyKind.SALESFORCE_ID:
        return seen.sf_id
    return identifier_text(rule, seen.raw.get(rule.salesforce))


def identifier_text(rule: Identify, raw: Raw) -> str | None:
    """A field's raw value as the text by which rows are looked for; None if it holds nothing."""
    if raw is None or raw == "":
        return None
    text = f"{raw:.0f}" if isinstance(raw, float) and raw.is_integer() else str(raw)
    return normalised(text, rule.normalise) or None


async def _look_up_survivors(unit: Unit, pairs: Sequence[Pair]) -> None:
    survivors = [_survivor(pair.seen) for pair in pairs]
    wanted = sorted({item for item in survivors if item is not None})
    if not wanted:
        return
    links = await unit.links_of_records(wanted)
    for pair, survivor in zip(pairs, survivors, strict=True):
        other = links.get(survivor or "")
        pair.survivor_is_linked = other is not None and other.state is not LinkState.TOMBSTONE


_FOLLOWED = {
    ConvertedLead.FOLLOW_CONTACT: "ConvertedContactId",
    ConvertedLead.FOLLOW_ACCOUNT: "ConvertedAccountId",
}


def _survivor(seen: Observation) -> str | None:
    """The record that a link follows when this one was merged or converted away."""
    if seen.merged_into is not None:
        return record_id(seen.merged_into)
    field = _FOLLOWED.get(seen.step.converted_lead)
    found = seen.raw.get(field) if field is not None and seen.raw.get("IsConverted") is True else None
    return record_id(str(found)) if found else None
