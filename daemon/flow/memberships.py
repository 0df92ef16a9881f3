"""Records that are named by what they refer to: a member is its campaign and its person, and has no name of its own.

Only what is linked can be compared across, so a record whose references are not is looked for nowhere, and no call is made for it.
"""

from collections.abc import Mapping, Sequence

from daemon.domain.ids import record_id
from daemon.domain.link import LinkState
from daemon.domain.mapping import Field, Identify, IdentifyKind, Step, Steps
from daemon.domain.plan import Hold
from daemon.domain.value import Raw
from daemon.domain.view import Presence
from daemon.flow.cases import Case
from daemon.flow.pairing import Pair
from daemon.flow.parts import Parts
from daemon.flow.views import References
from daemon.ports.salesforce import Record
from daemon.ports.store import Unit
from daemon.reconcile.identify import Candidates, Match, choose, claimed_twice

_TAKEN = (LinkState.LINKED, LinkState.BLOCKED, LinkState.UNLINKED)


async def pair_by_references(unit: Unit, steps: Steps, step: Step, pairs: Sequence[Pair]) -> None:
    """Give each record that has no row yet the row that refers to the same: a query for each reference, and one for the rows."""
    open_pairs = [pair for pair in pairs if _is_stranger(pair)]
    references = await References.load(unit, steps, step, (), [pair.seen.raw for pair in open_pairs])
    wanted: dict[int, Mapping[str, str]] = {}
    for index, pair in enumerate(open_pairs):
        keys = _keys(step, references, pair.seen.raw)
        if keys is not None:
            wanted[index] = keys
    if not wanted:
        return
    rule = rule_of(step)
    hits = await unit.match(step, rule, sorted({keys[rule.column] for keys in wanted.values()}))
    found = sorted({key for keys in hits.values() for key in keys})
    rows = await unit.rows(step, found) if found else {}
    links = await unit.links_of_rows(step.table.qualified, found) if found else {}
    taken = frozenset(key for key, link in links.items() if link.state in _TAKEN)
    given: set[str] = set()
    for index, keys in wanted.items():
        same = [
            key
            for key in hits.get(keys[rule.column], ())
            if key in rows and all(rows[key].values.get(column) == text for column, text in keys.items())
        ]
        match choose([Candidates(rule, tuple(same), taken & set(same))]):
            case Match(key, _) if key in given:
                open_pairs[index].hold = claimed_twice(key)
            case Match(key, origin):
                open_pairs[index].key, open_pairs[index].origin = key, origin
                given.add(key)
            case Hold() as hold:
                open_pairs[index].hold = hold
            case None:
                pass


def _is_stranger(pair: Pair) -> bool:
    unpaired = pair.link is None and pair.key is None and pair.hold is None
    return unpaired and pair.seen.presence is Presence.PRESENT


def rule_of(step: Step) -> Identify:
    """The last of the references as the rule by which candidates are looked up: a person has fewer campaigns than a campaign has persons."""
    last = step.by_name[step.references[-1]]
    assert last.column is not None
    return Identify(IdentifyKind.FIELD, last.name, last.column)


def _keys(step: Step, references: References, raw: Mapping[str, Raw]) -> Mapping[str, str] | None:
    """The keys of the rows that a record refers to, by column; None if one of them is not linked."""
    keys: dict[str, str] = {}
    for field in _fields(step):
        sf_id = _id(raw.get(field.name))
        key = references.keys.get(field.lookup or "", {}).get(sf_id) if sf_id is not None else None
        if key is not None and field.column is not None:
            keys.setdefault(field.column, key)
    return keys if keys.keys() == {field.column for field in _fields(step)} else None


def _fields(step: Step) -> list[Field]:
    return [step.by_name[name] for name in step.references]


def _id(raw: Raw) -> str | None:
    try:
        return record_id(str(raw)) if raw else None
    except ValueError:
        return None


async def records_by_references(
    parts: Parts, step: Step, fields: Sequence[str], cases: Sequence[Case]
) -> dict[int, list[Record]]:
    """The records that refer to the same as each row without one, by the identity of its case: a call for each kind of person."""
    rows = [case.row for case in cases if case.row is not None]
    if not rows:
        return {}
    async with parts.writing, parts.store.begin() as unit:
        references = await References.load(unit, parts.steps, step, rows, ())
    wanted = {id(case): ids for case in cases if (ids := _ids(step, references, case)) is not None}
    found: dict[int, list[Record]] = {}
    for name in step.references:
        if step.by_name[name].column != rule_of(step).column:
            continue
        values = sorted({ids[name] for ids in wanted.values() if name in ids})
        answers = await parts.records.find(step.object, fields, name, values) if values else {}
        for case, ids in wanted.items():
            if name in ids:
                found[case] = [
                    record for record in answers.get(ids[name], ()) if _refers_to(record, ids)
                ] + found.get(case, [])
    return {case: records for case, records in found.items() if records}


def _ids(step: Step, references: References, case: Case) -> Mapping[str, str] | None:
    """The records that a row refers to, by field; None if one of its references is not linked."""
    if case.row is None:
        return None
    ids: dict[str, str] = {}
    for field in _fields(step):
        text = case.row.values.get(field.column or "")
        sf_id = references.records.get(field.lookup or "", {}).get(text) if text is not None else None
        if sf_id is not None:
            ids[field.name] = sf_id
    columns = {step.by_name[name].column for name in ids}
    return ids if columns == {field.column for field in _fields(step)} else None


def _refers_to(record: Record, ids: Mapping[str, str]) -> bool:
    return all(_id(record.values.get(name)) == sf_id for name, sf_id in ids.items())
