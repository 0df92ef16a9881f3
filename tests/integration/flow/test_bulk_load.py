"""Loads in bulk: what is settled set-wise is what the road would decide, beside live changes, across deaths, with deletes found."""

import asyncio
import random
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from daemon.domain.failure import CallFailedError
from daemon.domain.mapping import Kind, Step
from daemon.flow.load import Loader
from daemon.flow.loading import batch
from daemon.flow.loading.bulk import BulkLoad
from daemon.ports.loads import Sheet
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road, shift
from tests.support.road_steps import BY_SF_ID, COMPANIES, by_field, field, with_field, with_fields

MANY = 60


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "RECORDS", 1)  # every sheet is a batch


class Pages:
    """The real records, in sheets of ten; `between` is awaited after the read has begun and before anything of it is given."""

    def __init__(self, real: Any, between: Callable[[], Awaitable[None]] | None = None) -> None:
        self._real = real
        self._between = between
        self.read = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def sheets(
        self, name: str, fields: Sequence[str], after: str | None = None, condition: str = ""
    ) -> AsyncIterator[Sheet]:
        first = True
        async for sheet in self._real.sheets(name, fields, after, condition):
            if first and self._between is not None:
                await self._between()
            first = False
            self.read += len(sheet)
            yield sheet


def in_bulk(road: Road, between: Callable[[], Awaitable[None]] | None = None) -> Pages:
    """Let the road load in bulk from now on."""
    road.salesforce.records._session._settings = replace(
        road.salesforce.records._session.settings, bulk_page_records=10
    )
    records: Any = Pages(road.salesforce.records, between)
    store: Any = road.parts.store
    road.loader = Loader(road.parts, bulk_from=1, bulk=BulkLoad(road.parts, store, records))
    road.worker._reload = road.loader.reload
    return records  # type: ignore[no-any-return]


def companies(count: int, start: int = 0) -> list[dict[str, object]]:
    return [
        {
            "Name": f"Acme {n}",
            "Phone": f"+1 {n}",
            "NumberOfEmployees": n,
            "Website": "w\\e\tb" if n % 7 == 0 else None,
        }
        for n in range(start, start + count)
    ]


async def sources(road: Road) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in await road.journal():
        found[entry["operation"]] = found.get(entry["operation"], 0) + 1
    return found


async def test_new_records_become_rows_with_links_bases_and_journal(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    ids = road.org.load("Account", companies(MANY))
    in_bulk(road)
    await road.load()
    rows, links = await road.rows("company"), await road.links()
    assert len(rows) == len(links) == MANY
    assert {link.sf_id for link in links} == set(ids)
    assert all(link.origin.value == "created" and link.seen is not None for link in links)
    assert await sources(road) == {"create": MANY}
    assert road.meter.counted("isthmus_records_total", operation="create", outcome="applied") == MANY
    await road.in_step()
    await road.settle()
    await road.quiet()
    await road.forget_calls()
    await road.load()
    assert await road.calls() == [], "a finished load was begun again"


async def test_what_is_equal_is_left_alone_and_only_its_second_moves(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    ids = road.org.load("Account", companies(20))
    in_bulk(road)
    await road.load()
    before = {link.sf_id: link for link in await road.links()}
    versions = [row["version"] for row in await road.rows("company")]
    shift(road, 5)
    road.org.update("Account", ids[0], {"Description": "nobody maps this"})
    await road.loader.reload(COMPANIES, [])
    after = {link.sf_id: link for link in await road.links()}
    seen, was = after[ids[0]].seen, before[ids[0]].seen
    assert seen is not None
    assert was is not None
    assert seen > was
    assert {k: v for k, v in after.items() if k != ids[0]} == {k: v for k, v in before.items() if k != ids[0]}
    assert [row["version"] for row in await road.rows("company")] == versions
    assert await road.changes() == []


@pytest.mark.parametrize("linked", [True, False], ids=["linked before", "new"])
async def test_a_change_during_the_load_is_not_overwritten(make_road: MakeRoad, linked: bool) -> None:
    road = await make_road(COMPANIES)
    ids = road.org.load("Account", companies(MANY))
    if linked:
        in_bulk(road)
        await road.load()
    shift(road, 5)
    await road.listen()

    async def meanwhile() -> None:
        shift(road, 5)
        road.org.update("Account", ids[3], {"Phone": "newer"})
        await road.listen()

    in_bulk(road, meanwhile)
    await (road.loader.reload(COMPANIES, []) if linked else road.loader.first_loads())
    await road.settle()
    assert [r["phone"] for r in await road.rows("company") if r["name"] == "Acme 3"] == ["newer"]
    assert await road.ledger() == []
    await road.in_step()
    await road.quiet()


@pytest.mark.parametrize("linked", [True, False], ids=["linked before", "new"])
async def test_a_record_deleted_during_the_load_does_not_come_back(make_road: MakeRoad, linked: bool) -> None:
    road = await make_road(COMPANIES)
    ids = road.org.load("Account", companies(MANY))
    if linked:
        in_bulk(road)
        await road.load()
    shift(road, 5)

    async def meanwhile() -> None:
        shift(road, 2)
        road.org.update("Account", ids[3], {"Phone": "last"})
        road.org.delete("Account", ids[3])
        await road.settle()

    in_bulk(road, meanwhile)
    await (road.loader.reload(COMPANIES, []) if linked else road.loader.first_loads())
    await road.settle()
    assert len(await road.rows("company")) == MANY - 1
    assert [row for row in await road.rows("company") if row["name"] == "Acme 3"] == []
    await road.in_step()
    await road.quiet()


async def test_deletes_are_found_hard_ones_included_at_few_calls(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    ids = road.org.load("Account", companies(MANY))
    in_bulk(road)
    await road.load()
    await road.listen()
    road.org.selection.select([])
    for sf_id in ids[:8]:
        road.org.delete("Account", sf_id)
    await road.control.post("purge", ids=ids[:3])
    road.org.selection.select(None)
    await road.forget_calls()
    await road.loader.reload(COMPANIES, [])
    await road.work()
    assert len(await road.rows("company")) == MANY - 8
    assert len(await road.calls()) <= 20
    await road.in_step()
    await road.quiet()


class DeathError(Exception):
    """The process ends here."""


@pytest.mark.parametrize("died_after", [1, 3, 6])
async def test_a_load_goes_on_in_the_next_process(make_road: MakeRoad, died_after: int) -> None:
    road = await make_road(COMPANIES)
    road.org.load("Account", companies(MANY))
    records = in_bulk(road)
    reached = 0

    class Dying:
        async def reach(self, point: Any) -> None:
            nonlocal reached
            reached += point.name == "PAGE_COMMITTED"
            if reached == died_after:
                raise DeathError

    parts = replace(road.parts, failpoints=Dying())
    store: Any = parts.store
    await road.forget_calls()
    with pytest.raises(DeathError):
        await Loader(parts, bulk_from=1, bulk=BulkLoad(parts, store, records)).first_loads()  # type: ignore[arg-type]
    assert len(await road.rows("company")) == died_after * 10
    records = in_bulk(road)
    await road.load()
    assert records.read == MANY - died_after * 10
    assert [
        call for call in await road.calls() if call.startswith("POST") and call.endswith("jobs/query")
    ] != []
    begun = [call for call in await road.calls() if call.startswith("POST") and "jobs/query" in call]
    assert len(begun) == 1, "the read was begun anew"
    assert len(await road.rows("company")) == len(await road.links()) == MANY
    await road.in_step()
    await road.quiet()


async def test_a_read_that_is_cancelled_alone_is_not_taken_for_done(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    for record in companies(MANY):
        road.org.create("Account", record)

    async def cancelled() -> None:
        raise asyncio.CancelledError

    in_bulk(road, cancelled)
    async with asyncio.timeout(30):
        with pytest.raises(CallFailedError, match="read_cut_short"):
            await road.load()
    in_bulk(road)
    await road.load()
    assert len(await road.rows("company")) == MANY


async def test_a_load_whose_read_is_gone_begins_anew(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    road.org.load("Account", companies(20))
    in_bulk(road)
    await road.load()
    await road.app.execute(
        "UPDATE isthmus.job SET state = 'running', bookmark = '750x/none/0/', processed = 0"
    )
    await road.app.execute("DELETE FROM isthmus.load_record")
    await road.load()
    assert len(await road.rows("company")) == 20
    await road.quiet()


async def test_one_row_that_the_table_refuses_harms_no_other(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.app.execute("ALTER TABLE app.company ADD CHECK (name <> 'Acme 13')")
    road.org.load("Account", companies(MANY))
    in_bulk(road)
    await road.loader.first_loads()
    assert len(await road.rows("company")) == MANY - 1
    [parked] = await road.changes()
    assert parked["side"] == "salesforce"


async def test_rows_that_are_there_are_paired_and_twins_are_parked(make_road: MakeRoad) -> None:
    step = replace(COMPANIES, identify=(by_field("Name", "name"),))
    road = await make_road(step)
    await road.app.execute("ALTER TABLE app.company DISABLE TRIGGER USER")
    key = await road.insert("company", name="Acme 1", website="ours.example")
    for _ in range(2):
        await road.insert("company", name="Acme 2")
    await road.app.execute("ALTER TABLE app.company ENABLE TRIGGER USER")
    road.org.load("Account", companies(MANY))
    in_bulk(road)
    await road.loader.first_loads()
    assert (await road.link("companies", key)).origin.value == "field"
    assert [c["code"] for c in await road.changes() if c["side"] == "salesforce"] == ["ambiguous_identifier"]
    assert len(await road.rows("company")) == MANY + 1


async def test_an_identifier_that_its_column_cannot_hold_harms_no_other(make_road: MakeRoad) -> None:
    table = replace(COMPANIES.table, types={**COMPANIES.table.types, "ext_id": "bigint"})
    road = await make_road(replace(COMPANIES, table=table))
    await road.app.execute("ALTER TABLE app.company ALTER ext_id TYPE bigint USING ext_id::bigint")
    road.org.load(
        "Account", [{"Name": f"Acme {n}", "Ext_Id__c": "x" if n == 7 else str(n)} for n in range(12)]
    )
    in_bulk(road)
    await road.loader.first_loads()
    assert {row["ext_id"] for row in await road.rows("company")} == set(range(12)) - {7}
    [parked] = await road.changes()
    assert (parked["side"], parked["state"]) == ("salesforce", "parked")


async def test_a_create_in_doubt_is_not_made_a_second_row(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="Ours")
    [change] = await road.changes()
    await road.parts.store.mark_sent({change["id"]: {"Name": "Ours", "Ext_Id__c": "doubt"}}, [])
    road.org.load("Account", [{"Name": "Ours", "Ext_Id__c": "doubt"}])
    in_bulk(road)
    await road.loader.first_loads()
    assert [str(row["id"]) for row in await road.rows("company")] == [key]


async def test_a_table_that_changes_what_it_is_given_is_not_written_set_wise(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.app.execute(
        "CREATE FUNCTION app.shout() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;"
        "CREATE TRIGGER shout BEFORE INSERT ON app.company FOR EACH ROW EXECUTE FUNCTION app.shout()"
    )
    assert not await road.parts.store.takes_sets(COMPANIES)  # type: ignore[attr-defined]
    road.org.load("Account", companies(5))
    in_bulk(road)
    await road.load()
    await road.settle()
    assert {record["Name"] for record in road.org.rows("Account")} == {f"ACME {n}" for n in range(5)}
    await road.in_step()


RANDOM_STEP = with_fields(
    with_field(COMPANIES, "Phone", mandatory=True),
    field("AnnualRevenue", "revenue", Kind.NUMBER, scale=0),
    field("Industry", "industry", default="Other"),
)


def _values(chance: random.Random) -> dict[str, object]:
    return {
        "Name": chance.choice(["Acme", "Beta ", " Gämma", "D\\elta\ttab", 'E"quote', "two\r\nlines"]),
        "Phone": chance.choice([None, "1", "2", " 3 ", "+4 5"]),
        "Website": chance.choice([None, "w.example", "x.example"]),
        "NumberOfEmployees": chance.choice([None, 0, 7, 123456]),
        "AnnualRevenue": chance.choice([None, 0, 1000, 999999999]),
        "Industry": chance.choice([None, "Banking", "Energy"]),
        "Description": chance.choice([None, "unmapped"]),
    }


async def _walked(road: Road, seed: int, step: Step, *, bulk: bool) -> dict[str, object]:
    """The same history on a fresh road; what is left of it, without what depends on the time of day."""
    chance = random.Random(seed)
    if bulk:
        in_bulk(road)
    await road.app.execute("ALTER TABLE app.company DISABLE TRIGGER USER")
    ids = road.org.load(
        "Account",
        [_values(chance) | {"Ext_Id__c": f"e{n}" if chance.random() < 0.5 else None} for n in range(24)],
    )
    for n in chance.sample(range(30), 6):
        await road.insert("company", ext_id=f"e{n}", name="Acme", phone="1")
    await road.loader.first_loads()
    shift(road, 5)
    road.org.selection.select([])
    for sf_id in ids:
        if chance.random() < 0.4:
            road.org.update("Account", sf_id, _values(chance))
        elif chance.random() < 0.1:
            road.org.delete("Account", sf_id)
    road.org.load("Account", [_values(chance) for _ in range(6)])
    road.org.selection.select(None)
    await road.app.execute(
        "UPDATE app.company AS c SET website = 'local.example' FROM isthmus.link AS l"
        " WHERE l.pg_key = c.id::text AND abs(hashtext(l.sf_id)) % 5 = 0"
    )
    await road.app.execute(
        "UPDATE isthmus.link SET seen = seen + interval '1 hour' WHERE abs(hashtext(sf_id)) % 7 = 0"
    )
    await road.app.execute(
        "UPDATE isthmus.link SET own = '9999-12-31 00:00:00+00' WHERE abs(hashtext(sf_id)) % 6 = 0"
    )
    await road.loader.reload(step, [])
    await road.app.execute("UPDATE isthmus.link SET own = NULL")
    return await _left(road)


async def _left(road: Road) -> dict[str, object]:
    keys = {link.key: link.sf_id for link in await road.links()}
    return {
        "rows": sorted(
            repr(
                [
                    keys.get(str(row["id"])),
                    *(
                        row[c]
                        for c in ("ext_id", "name", "phone", "website", "employees", "revenue", "industry")
                    ),
                ]
            )
            for row in await road.rows("company")
        ),
        "links": sorted(
            repr((link.sf_id, link.state, link.origin, sorted(link.base.items()), link.seen is None))
            for link in await road.links()
        ),
        "changes": sorted(
            repr((c["side"], c["kind"], c["state"], c["sf_id"] or keys.get(c["key"]), c["code"]))
            for c in await road.changes()
        ),
        "ledger": sorted(
            repr(
                [
                    entry[name]
                    for name in ("kind", "field", "rule", "winner", "base", "salesforce", "postgres", "sf_id")
                ]
            )
            for entry in await road.ledger()
        ),
        "journal": sorted(
            repr([entry[name] for name in ("sf_id", "source", "direction", "operation", "outcome", "code")])
            for entry in await road.journal()
        ),
    }


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("by_id", [False, True], ids=["external id", "salesforce id"])
async def test_what_is_settled_set_wise_is_what_the_road_decides(
    make_road: MakeRoad, seed: int, by_id: bool
) -> None:
    step = replace(RANDOM_STEP, identify=(BY_SF_ID,)) if by_id else RANDOM_STEP
    one_by_one = await _walked(await make_road(step), seed, step, bulk=False)
    set_wise = await _walked(await make_road(step), seed, step, bulk=True)
    assert set_wise == one_by_one


class Endless:
    """An object with any number of records, of which none is kept: what is in memory is the load's own."""

    clock_offset = 0.0

    def __init__(self, real: Any, count: int) -> None:
        self._real = real
        self._count = count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def count(self, _: str, __: str = "") -> int:
        return self._count

    async def sheets(
        self, name: str, _: Sequence[str], __: str | None = None, ___: str = ""
    ) -> AsyncIterator[Sheet]:
        moment = datetime(2024, 5, 17, 8, 30, tzinfo=UTC)
        for start in range(0, self._count, 1000):
            numbers = range(start, start + 1000)
            cells = {
                "Name": [f"Acme {n}" for n in numbers],
                "Phone": [f"+1 {n}" for n in numbers],
                "Website": [f"https://{n}.example/{'x' * 200}" for n in numbers],
                "NumberOfEmployees": [str(n % 500) for n in numbers],
                "Ext_Id__c": [f"e{n}" for n in numbers],
            }
            ids = [f"001{n:012d}AAA" for n in numbers]
            yield Sheet(
                name,
                ids,
                [moment] * 1000,
                [moment] * 1000,
                cells,
                {"NumberOfEmployees": int},
                f"j/d/{start}/",
            )


async def test_a_hundred_thousand_records_take_no_more_memory_than_a_few_batches(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "RECORDS", 5000)
    road = await make_road(COMPANIES)
    records: Any = Endless(road.salesforce.records, 100_000)
    parts = replace(road.parts, records=records)
    store: Any = parts.store
    tracemalloc.start()
    try:
        await Loader(parts, bulk_from=1, bulk=BulkLoad(parts, store, records)).first_loads()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert await road.app.fetchval("SELECT count(*) FROM isthmus.link") == 100_000
    assert await road.app.fetchval("SELECT count(*) FROM app.company") == 100_000
    assert peak < 64 * 1024 * 1024, f"the load held {peak / 1e6:.0f} MB"
