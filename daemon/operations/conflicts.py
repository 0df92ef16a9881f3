"""The ledger in an operator's hands: an open conflict is decided, and a value that lost is given back.

Neither writes to a side by itself. Which side stands out against the base decides what travels, so an operator's word is a base that makes the other
side's value the agreed one; and a value that is given back is a row's edit like any other. Both go down the road as changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from daemon.domain.canonical import from_salesforce
from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import NotFoundError, RefusedError, UsageError
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step
from daemon.domain.plan import Operation
from daemon.domain.side import Side
from daemon.domain.value import Raw, Value, Values, from_json
from daemon.flow.reading import read_fields
from daemon.flow.rowwrites import columns
from daemon.flow.views import References, postgres_view
from daemon.operations.office import Office
from daemon.ports.store import RowWrite, Unit


async def show(office: Office, number: int) -> Mapping[str, Any]:
    """One entry of the ledger, whole."""
    page = await office.inspection.conflicts(ids=[number])
    if not page.items:
        raise NotFoundError(
            f"the ledger has no entry {number}",
            "entries that were decided are kept for as long as the configuration says",
            "see: isthmus conflict list",
        )
    return page.items[0]


async def resolve(office: Office, number: int, take: str, operator: str) -> dict[str, Any]:
    """Give both sides the value of the side that `take` names: `salesforce` or `postgres`.

    An open conflict is decided so. Of a decided one, the value that lost is given back; refused where the record moved on since.
    """
    side = _side(take)
    entry = await show(office, number)
    step = office.step(str(entry["step"]))
    theirs = await _theirs(office, step, entry)
    async with office.parts.writing, office.parts.store.begin() as unit:
        pair = await _pair(office, unit, step, entry, theirs)
        entry = await show(
            office, number
        )  # as it stands now that the pair is ours alone: somebody may have decided it
        if entry["winner"] is None and entry["resolved_at"] is None:
            names = await _decide(unit, pair, entry, side, operator)
            outcome = "decided"
        else:
            names = await _give_back(office, unit, pair, entry, side, operator)
            outcome = "given back"
        link, now = pair.link, office.parts.clock.now()
        await unit.store_changes(
            [
                Change(
                    step.name, Side.SALESFORCE, ChangeKind.REREAD, Source.OPERATOR, now, link.sf_id, link.key
                ),
                Change(step.name, Side.POSTGRES, ChangeKind.UPDATE, Source.OPERATOR, now, None, link.key),
            ]
        )
    request = {"conflict": number, "take": take, "step": step.name, "key": link.key, "sf_id": link.sf_id}
    await office.inspection.audit(operator=operator, action="resolve", request=request, outcome=outcome)
    return {**request, "fields": list(names), "outcome": outcome}


@dataclass(frozen=True, slots=True)
class _Pair:
    """A pair as it is now: its link, and the canonical values that each side holds."""

    step: Step
    link: Link
    ours: Values
    theirs: Values


def _side(take: str) -> Side:
    if take not in set(Side):
        raise UsageError(
            f"take {take!r} is not known",
            "it names the side whose value both get",
            f"one of {', '.join(Side)}",
        )
    return Side(take)


async def _theirs(office: Office, step: Step, entry: Mapping[str, Any]) -> Values:
    """What Salesforce holds now. Raises RefusedError where the record is gone."""
    sf_id = str(entry["sf_id"])
    record = (await office.parts.records.read(step.object, read_fields(step), [sf_id])).get(sf_id)
    if record is None:
        raise _moved_on(entry, "Salesforce has no such record any more", "undelete the record first")
    readings = {field.name: from_salesforce(field, record.values.get(field.name)) for field in step.fields}
    return {name: item.value for name, item in readings.items() if item.failure is None and not item.absent}


async def _pair(office: Office, unit: Unit, step: Step, entry: Mapping[str, Any], theirs: Values) -> _Pair:
    """The pair of an entry. Raises RefusedError where it is not linked any more, or its row is held by another session."""
    link = (await unit.links_of_records([entry["sf_id"]])).get(entry["sf_id"])
    if link is None or link.state is not LinkState.LINKED or link.step != step.name:
        raise _moved_on(entry, "the record is not linked any more", "see: isthmus link list")
    row = (await unit.rows(step, [link.key])).get(link.key)
    if row is None:
        raise _moved_on(
            entry, f"{step.table.qualified} has no row {link.key} any more", "undelete the record first"
        )
    if row.locked:
        raise _moved_on(entry, "another session holds the row", "try again in a moment")
    references = await References.load(unit, office.parts.steps, step, [row], [])
    return _Pair(step, link, postgres_view(step, row, references, (), 0.0).values, theirs)


async def _decide(
    unit: Unit, pair: _Pair, entry: Mapping[str, Any], side: Side, operator: str
) -> Sequence[str]:
    """Make the losing side's value the agreed one, for every field that moves together with this one: then only the other stands out."""
    names = _together(pair.step, str(entry["field"]))
    _require_way(pair.step, str(entry["field"]), side)
    agreed = pair.ours if side is Side.SALESFORCE else pair.theirs
    base = {**pair.link.base, **{name: agreed[name] for name in names if name in agreed}}
    await unit.put_links([replace(pair.link, base=base)])
    await unit.decide_conflicts(pair.link.sf_id, names, side, operator)
    return names


async def _give_back(
    office: Office, unit: Unit, pair: _Pair, entry: Mapping[str, Any], side: Side, operator: str
) -> Sequence[str]:
    """Write the value that lost into the row, as if its owner had typed it; Salesforce gets it by the same road."""
    name = str(entry["field"])
    if entry["winner"] == side.value:
        raise RefusedError(
            f"{name} got the value of {side.value} already",
            f"that side won, by the rule {entry['rule']}",
            f"to give back the other value: --take {side.other.value}",
        )
    _require_way(pair.step, name, Side.POSTGRES)
    won, lost = from_json(entry[side.other.value]), from_json(entry[side.value])
    if pair.ours.get(name) != won or pair.theirs.get(name) != won:
        raise _moved_on(
            entry, f"{name} does not hold the value that won any more", "edit the record where it is kept"
        )
    await _write(office, unit, pair, {name: lost})
    await unit.note_given_back(int(entry["id"]), operator)
    return [name]


async def _write(office: Office, unit: Unit, pair: _Pair, values: Mapping[str, Value]) -> None:
    raw: dict[str, Raw] = {name: value for name, value in values.items() if isinstance(value, str)}
    references = await References.load(unit, office.parts.steps, pair.step, [], [raw])
    write = RowWrite(Operation.UPDATE, columns(pair.step, values, references), pair.link.key)
    [result] = await unit.write_rows(pair.step, [write])
    if result.failure is not None:
        raise RefusedError("the row does not take the value", result.failure.message, result.failure.advice)


def _require_way(step: Step, name: str, giver: Side) -> None:
    """Raises RefusedError where the step does not let this side's value of the field travel to the other."""
    field = step.by_name.get(name)
    travels = (
        field is not None
        and field.column is not None
        and (field.direction.pulls if giver is Side.SALESFORCE else field.direction.pushes)
    )
    if not travels:
        raise RefusedError(
            f"{name} cannot take the value of {giver.value}",
            f"step {step.name} does not let it travel that way",
            f"change it in {'PostgreSQL' if giver is Side.SALESFORCE else 'Salesforce'}, or the direction of the field",
        )


def _together(step: Step, name: str) -> Sequence[str]:
    """The fields that move together with this one, itself included."""
    unit = next((fields for fields in step.units if any(field.name == name for field in fields)), ())
    return [field.name for field in unit] or [name]


def _moved_on(entry: Mapping[str, Any], why: str, fix: str) -> RefusedError:
    return RefusedError(f"entry {entry['id']} of the ledger cannot be applied", why, fix)
