"""How a world is judged when it is at rest: every pair agrees or its difference is accounted for, and each written value has a fate.

The oracles know both sides, the documented schema `isthmus` and what was written (`world_traffic`), and nothing of the product.
"""

import json
from collections import Counter
from typing import Any

from tests.support.world import World
from tests.support.world_traffic import KINDS, POSTGRES, SALESFORCE, Kind, Token, Traffic

HISTORY = """
CREATE TABLE public.seen (marker text, row jsonb);
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.seen VALUES (NEW.marker, to_jsonb(NEW));
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON crm.companies FOR EACH ROW EXECUTE FUNCTION public.note();
CREATE TRIGGER note AFTER INSERT OR UPDATE ON crm.people FOR EACH ROW EXECUTE FUNCTION public.note();
CREATE TRIGGER note AFTER INSERT OR UPDATE ON "Ops"."Ventures" FOR EACH ROW EXECUTE FUNCTION public.note();
"""
"""To be run before the first change: what rows ever held is how a value that was overwritten later is known to have arrived."""


class Ends:
    """How both sides, the links and the ledger stand at the end."""

    def __init__(self) -> None:
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.pairs: dict[str, str] = {}  # sf_id -> marker
        self.explained: set[tuple[str, str]] = set()  # (sf_id, field) with a ledger entry
        self.ledger: set[Token] = set()
        self.parked: set[str] = set()  # ids and keys
        self.markers: dict[Any, str] = {}  # company id on either side -> marker

    @classmethod
    async def look(cls, world: World) -> "Ends":
        ends = cls()
        for kind in KINDS:
            names = ", ".join(["Id", kind.marker[0], *(name for name, _ in kind.written)])
            names += f", {kind.parent[0]}" if kind.parent else ""
            for record in await world.org.query(f"SELECT {names} FROM {kind.sobject}"):
                ends.records.setdefault(str(record[kind.marker[0]]), []).append(record)
            for row in await world.fetch(f"SELECT * FROM {kind.table}"):
                ends.rows.setdefault(str(row[kind.marker[1]]), []).append(row)
        for entry in await world.fetch(
            "SELECT sf_id, field, base, salesforce, postgres FROM isthmus.conflict"
        ):
            ends.explained.add((entry["sf_id"], entry["field"]))
            ends.ledger |= {_loaded(entry["salesforce"]), _loaded(entry["postgres"])}
        waiting = """
            SELECT change.sf_id, coalesce(change.key, link.pg_key) AS key
            FROM isthmus.change LEFT JOIN isthmus.link ON link.sf_id = change.sf_id
        """
        for change in await world.fetch(waiting):
            ends.parked |= {str(change["sf_id"]), str(change["key"])}
        return ends


def _loaded(document: str) -> Token:
    return _number(json.loads(document))


def _plain(value: Any) -> Token:
    return int(value) if isinstance(value, float) and value.is_integer() else value


async def judge(world: World, traffic: Traffic) -> None:
    """Raises AssertionError, telling what is wrong."""
    ends = await Ends.look(world)
    links = await world.fetch("SELECT step, sf_id, pg_key FROM isthmus.link WHERE state = 'linked'")
    doubled = [
        marker for side in (ends.records, ends.rows) for marker, found in side.items() if len(found) > 1
    ]
    assert not doubled, f"there twice: {doubled}"
    assert max(Counter(link["sf_id"] for link in links).values()) == 1
    by_id = {link["sf_id"]: link for link in links}
    problems: list[str] = []
    for marker, kind in traffic.kinds.items():
        record = ends.records.get(marker, [None])[0]
        row = ends.rows.get(marker, [None])[0]
        problems += _pair_problems(kind, marker, record, row, by_id, ends)
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems[:25])
    lost = await _fate_problems(world, traffic, ends)
    assert not lost, f"{len(lost)} values without a fate:\n" + "\n".join(lost[:25])


def _key(kind: Kind, row: dict[str, Any]) -> str:
    return json.dumps([row["Region"], str(row["Number"])]) if kind.step == "ventures" else str(row["id"])


def _pair_problems(
    kind: Kind,
    marker: str,
    record: dict[str, Any] | None,
    row: dict[str, Any] | None,
    links: dict[str, dict[str, Any]],
    ends: Ends,
) -> list[str]:
    """What is wrong with one pair: half of it missing, not linked, or a field that differs without an account of it."""
    if record is None and row is None:
        return []
    halves = {record["Id"] if record else "", _key(kind, row) if row else ""}
    partner = links.get(record["Id"]) if record else None
    if (halves | {partner["pg_key"] if partner else ""}) & ends.parked:
        return []
    if record is None or row is None:
        return [f"{marker} ({kind.step}): only {'a row' if record is None else 'a record'} {halves}"]
    if partner is None or partner["pg_key"] != _key(kind, row):
        return [f"{marker} ({kind.step}): its halves are not linked: {halves}, {partner}"]
    problems = []
    for name, column in kind.written:
        theirs, ours = _plain(record[name]), row[column.strip('"')]
        if theirs != ours and (record["Id"], name) not in ends.explained:
            problems.append(f"{marker}.{name}: {theirs!r} in Salesforce, {ours!r} here")
    if kind.parent is not None:
        theirs, ours = record[kind.parent[0]], row[kind.parent[1]]
        parent = links.get(theirs) if theirs else None
        if (parent["pg_key"] if parent else None) != (str(ours) if ours is not None else None):
            problems.append(f"{marker}: its company is {theirs} ({parent}) in Salesforce, {ours} here")
    return problems


async def _fate_problems(world: World, traffic: Traffic, ends: Ends) -> list[str]:
    """Tokens that are neither at the end on both sides, nor overwritten by somebody who came later, nor in the ledger.

    What one side wrote may have been overwritten by its own later write, or by the other side after it had
    arrived there: the row's history and the journal show that it had.
    """
    arrived_here = {
        (seen["marker"], value)
        for seen in await world.fetch("SELECT marker, row::text FROM public.seen")
        for value in _values(seen["row"])
    }
    journal = await world.fetch("SELECT detail::text AS detail FROM isthmus.journal WHERE outcome = 'apply'")
    arrived_there = {value for entry in journal for value in _verdict_values(entry["detail"])}
    problems = []
    for (side, marker, name), tokens in traffic.tokens.items():
        kind = traffic.kinds[marker]
        record, row = ends.records.get(marker, [None])[0], ends.rows.get(marker, [None])[0]
        if record is None or row is None or marker in traffic.deleted:
            continue  # deleted, or parked: the pair has been judged as a whole
        if {record["Id"], _key(kind, row)} & ends.parked:
            continue
        column = dict(kind.written)[name].strip('"')
        finals = {_plain(record[name]), row[column]}
        last = [
            tokens_of[-1]
            for each in (SALESFORCE, POSTGRES)
            if (tokens_of := traffic.tokens.get((each, marker, name)))
        ]
        if not finals <= set(last):
            problems.append(f"{marker}.{name}: ends with {finals}, the last writes were {last}")
        token = tokens[-1]
        if token is None or token in finals or token in ends.ledger:
            continue
        reached = (marker, token) in arrived_here if side == SALESFORCE else token in arrived_there
        if not reached:
            problems.append(
                f"{marker}.{name}: {token!r} written on {side} has no fate; it ends with {finals}"
            )
    return problems


def _values(document: str) -> list[Token]:
    return [value for value in json.loads(document).values() if isinstance(value, str | int)]


def _verdict_values(document: str) -> list[Token]:
    verdicts = json.loads(document).get("verdicts", [])
    return [_number(verdict[side]) for verdict in verdicts for side in (SALESFORCE, POSTGRES)]


def _number(value: Any) -> Token:
    """Numbers are written as text where decisions are stored."""
    return int(value) if isinstance(value, str) and value.isdigit() else _plain(value)


async def judge_state(world: World) -> None:
    """What the daemon knows, at rest, is true: nothing in doubt, nothing half done, and bases are what both sides hold."""
    doubled = await world.fetch("""
        SELECT pg_table, pg_key FROM isthmus.link WHERE state = 'linked' GROUP BY 1, 2 HAVING count(*) > 1
    """)
    doubtful = await world.fetch("SELECT sf_id FROM isthmus.link WHERE own > '9000-01-01'")
    sent = await world.fetch("SELECT id, step, key FROM isthmus.change WHERE state = 'sent'")
    loading = await world.fetch("SELECT * FROM isthmus.job WHERE state <> 'done'")
    missed = await world.fetch("SELECT * FROM isthmus.capture_fault")
    unfinished = [*doubled, *doubtful, *sent, *loading, *missed]
    assert not unfinished, unfinished
    ends = await Ends.look(world)
    links = await world.fetch("SELECT sf_id, base::text AS base FROM isthmus.link WHERE state = 'linked'")
    bases = {link["sf_id"]: json.loads(link["base"]) for link in links}
    untrue = []
    for kind in KINDS:
        for record, row in _halves(kind, ends):
            for name, column in kind.written:
                held = {_plain(record[name]), row[column.strip('"')]}
                base = bases.get(record["Id"], {}).get(name)
                if len(held) == 1 and record["Id"] in bases and not held & {_number(base)}:
                    untrue.append(f"{record['Id']}.{name}: both hold {held}, the base is {base!r}")
    assert not untrue, "\n".join(untrue)


def _halves(kind: Kind, ends: Ends) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The pairs of a kind of which both halves are there, found by their markers."""
    return [
        (record, row)
        for marker in ends.records.keys() & ends.rows.keys()
        for record in ends.records[marker]
        for row in ends.rows[marker]
        if (kind.marker[0] in record and kind.marker[1].strip('"') in row)
        and all(name in record for name, _ in kind.written)
        and all(column.strip('"') in row for _, column in kind.written)
    ]
