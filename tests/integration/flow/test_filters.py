"""Filters: what is outside is neither made nor changed, and what comes in again is compared as if it had never been away."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from adapters.postgres.kept import KeptFacts
from daemon.domain.filter import Filter, columns_named
from daemon.domain.mapping import Step, Steps
from daemon.domain.side import Direction
from daemon.flow.load import Loader
from daemon.flow.parts import Parts
from daemon.flow.refiltering import Refiltering
from daemon.flow.unlinked import enqueue_all_unlinked
from daemon.operations import record
from daemon.operations.loading import Wish
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import LATER, the_link
from tests.integration.flow.test_bulk_load import in_bulk
from tests.integration.flow.test_comparing import compared
from tests.integration.flow.test_ordered_loads import loaded, result
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, PEOPLE

BERLIN = Filter("Website LIKE '%.de'")
IN_TOWN = Filter("city = 'Berlin'", ("city",))
PULLED = replace(COMPANIES, pull_filter=BERLIN)
PUSHED = replace(COMPANIES, push_filter=IN_TOWN)
DE, COM = "https://acme.de", "https://acme.com"


async def refiltered(road: Road, step: Step) -> None:
    """Put a step in force and have what its filter newly takes in looked at."""
    road.reconfigured(step)
    await Refiltering(road.parts, KeptFacts(road.pool)).look()
    await road.settle()


@pytest.mark.requirement("S1-54")
@pytest.mark.requirement("S1-57")
async def test_a_record_outside_makes_no_row_by_load_or_event_and_one_that_enters_does(
    make_road: MakeRoad,
) -> None:
    road = await make_road(PULLED)
    road.org.load("Account", [{"Name": "In", "Website": DE}, {"Name": "Out", "Website": COM}])
    await road.load()
    assert [row["name"] for row in await road.rows("company")] == ["In"]
    await road.settle()
    late = road.org.create("Account", {"Name": "Late", "Website": COM})
    await road.settle()
    assert [row["name"] for row in await road.rows("company")] == ["In"]
    shift(road, LATER)
    road.org.update("Account", late, {"Website": DE})
    await road.settle()
    assert sorted(row["name"] for row in await road.rows("company")) == ["In", "Late"]


@pytest.mark.requirement("S1-57")
async def test_a_record_leaves_and_comes_back_with_edits_on_both_sides_and_nothing_flips(
    make_road: MakeRoad,
) -> None:
    road = await make_road(PULLED)
    [sf_id] = road.org.load("Account", [{"Name": "Acme", "Website": DE, "Phone": "1"}])
    await road.load()
    await road.settle()
    [row] = await road.rows("company")
    key = str(row["id"])
    before = (await the_link(road, sf_id)).base
    shift(road, LATER)
    road.org.update("Account", sf_id, {"Website": COM, "Phone": "2"})
    await road.settle()
    await road.update("company", key, phone="3")
    await road.settle()
    [row], [account] = await road.rows("company"), road.org.rows("Account")
    assert (row["phone"], account["Phone"]) == ("3", "2"), "both stay as they are"
    assert (await the_link(road, sf_id)).base == before
    explained = await record.explain(road.office, "companies", key)
    assert "filter leaves this record out" in str(explained)
    state = await road.app.fetchrow("SELECT state, reason FROM isthmus.record_state WHERE sf_id = $1", sf_id)
    assert state is not None
    assert state["reason"] == "outside_filter"

    shift(road, LATER)
    road.org.update("Account", sf_id, {"Website": DE})
    await road.settle()
    [row], [account] = await road.rows("company"), road.org.rows("Account")
    assert row["phone"] == account["Phone"], "the conflict was decided by its rule"
    assert row["website"] == account["Website"] == DE
    ledger = await road.app.fetch("SELECT field FROM isthmus.conflict")
    assert [entry["field"] for entry in ledger] == ["Phone"]


@pytest.mark.requirement("S1-57")
@pytest.mark.requirement("S1-63")
async def test_a_row_outside_makes_no_record_and_one_that_leaves_is_let_be_until_it_is_back(
    make_road: MakeRoad,
) -> None:
    road = await make_road(PUSHED)
    key = await road.insert("company", name="Acme", phone="1", city="Berlin")
    other = await road.insert("company", name="Other", city="Rome")
    await road.load()
    await road.settle()
    assert [account["Name"] for account in road.org.rows("Account")] == ["Acme"]
    shift(road, LATER)
    await road.update("company", key, city="Rome", phone="2")
    await road.settle()
    assert [account["Phone"] for account in road.org.rows("Account")] == ["1"]
    assert "filter leaves this row out" in str(await record.explain(road.office, "companies", key))
    await road.update("company", key, city="Berlin")
    await road.settle()
    assert [account["Phone"] for account in road.org.rows("Account")] == ["2"]
    await road.update("company", other, city="Berlin")
    await road.settle()
    assert sorted(str(account["Name"]) for account in road.org.rows("Account")) == ["Acme", "Other"]


@pytest.mark.requirement("S1-63")
async def test_what_a_changed_or_cleared_filter_takes_in_is_found_by_itself(make_road: MakeRoad) -> None:
    road = await make_road(PUSHED)
    await Refiltering(road.parts, KeptFacts(road.pool)).look()
    linked = await road.insert("company", name="Acme", phone="1", city="Berlin")
    await road.insert("company", name="Rome", city="Rome")
    await road.load()
    await road.settle()
    await road.update("company", linked, city="Oslo", phone="2")
    await road.settle()
    assert [account["Phone"] for account in road.org.rows("Account")] == ["1"]
    await refiltered(road, replace(PUSHED, push_filter=Filter("city IN ('Berlin', 'Oslo')", ("city",))))
    assert [account["Phone"] for account in road.org.rows("Account")] == ["2"]
    await refiltered(road, COMPANIES)
    assert sorted(str(account["Name"]) for account in road.org.rows("Account")) == ["Acme", "Rome"]


async def test_a_changed_filter_on_records_reads_the_object_again(make_road: MakeRoad) -> None:
    road = await make_road(PULLED)
    await Refiltering(road.parts, KeptFacts(road.pool)).look()
    road.org.load("Account", [{"Name": "In", "Website": DE}, {"Name": "Out", "Website": COM}])
    await road.load()
    await road.settle()
    await refiltered(road, replace(PULLED, pull_filter=Filter("Website != null")))
    assert sorted(row["name"] for row in await road.rows("company")) == ["In", "Out"]


@pytest.mark.requirement("S1-57")
async def test_what_salesforce_changed_while_a_row_was_out_is_not_written_over_when_it_is_back(
    make_road: MakeRoad,
) -> None:
    road = await make_road(PUSHED)
    key = await road.insert("company", name="Acme", phone="1", city="Berlin")
    await road.load()
    await road.settle()
    link = await road.link("companies", key)
    shift(road, LATER)
    await road.update("company", key, city="Rome")
    await road.settle()
    assert (await the_link(road, link.sf_id)).outside
    shift(road, LATER)
    road.org.update("Account", link.sf_id, {"Phone": "2"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "1", "a field of both directions stands still"
    shift(road, LATER)
    await road.update("company", key, phone="3", city="Berlin")
    await road.settle()
    row, account = await road.row("company", key) or {}, road.record("Account", link.sf_id)
    assert row["phone"] == account["Phone"]
    assert [entry["field"] for entry in await road.ledger()] == ["Phone"]
    assert not (await the_link(road, link.sf_id)).outside


async def test_a_filter_on_rows_lets_records_come_in_all_the_same(make_road: MakeRoad) -> None:
    fields = tuple(
        replace(field, direction=Direction.PULL) if field.name == "Phone" else field
        for field in COMPANIES.fields
    )
    road = await make_road(replace(PUSHED, fields=fields))
    key = await road.insert("company", name="Acme", city="Berlin")
    await road.load()
    await road.settle()
    link = await road.link("companies", key)
    shift(road, LATER)
    await road.update("company", key, city="Rome", name="Changed")
    await road.settle()
    shift(road, LATER)
    road.org.update("Account", link.sf_id, {"Phone": "9"})
    await road.settle()
    [row], [account] = await road.rows("company"), road.org.rows("Account")
    assert (row["phone"], row["name"], account["Name"]) == ("9", "Changed", "Acme")


@pytest.mark.requirement("S1-57")
async def test_loads_in_bulk_and_by_order_read_only_what_is_meant(make_road: MakeRoad) -> None:
    road = await make_road(PULLED)
    in_bulk(road)
    websites = [DE if n % 2 else COM for n in range(20)]
    road.org.load("Account", [{"Name": f"A{n}", "Website": website} for n, website in enumerate(websites)])
    await road.load()
    assert sorted({row["website"] or "" for row in await road.rows("company")}) == [DE]
    assert len(await road.rows("company")) == 10
    told = result(await loaded(road, Wish("companies", where="Name = 'A1' OR Name = 'A2'")))
    assert (told["records"], told["outcomes"]) == (1, {"unchanged": 1})
    assert len(await road.rows("company")) == 10


@pytest.mark.parametrize("step", [PULLED, PUSHED], ids=["pull", "push"])
async def test_a_comparison_calls_nothing_outside_a_difference(make_road: MakeRoad, step: Step) -> None:
    road = await make_road(step)
    key = await road.insert("company", name="Acme", phone="1", city="Berlin", website=DE)
    await road.load()
    await road.settle()
    link = await road.link("companies", key)
    await road.insert(
        "company", name="Alone", city="Rome", website=COM
    ) if step is PUSHED else road.org.create("Account", {"Name": "Alone", "Website": COM})
    shift(road, LATER)
    if step is PUSHED:
        await road.update("company", key, city="Rome", phone="2")
    else:
        road.org.update("Account", link.sf_id, {"Website": COM, "Phone": "2"})
    await road.settle()
    found = await compared(road, show=5)
    assert found["differences"] == {}
    assert found["explained"]["left_alone"] >= 1


@pytest.mark.parametrize(
    "condition",
    ["city = 'go'", "row_to_json(company.*) ->> 'city' = 'go'", "to_jsonb(company) ->> 'city' = 'go'"],
)
async def test_a_column_that_is_not_mapped_brings_its_row_in_however_the_condition_names_it(
    make_road: MakeRoad, condition: str
) -> None:
    judged = Filter(condition, columns_named(condition, "company", ("id", "ext_id", "name", "phone", "city")))
    road = await make_road(replace(COMPANIES, push_filter=judged))
    key = await road.insert("company", name="Acme", city="stay")
    await road.settle()
    assert road.org.rows("Account") == []
    await road.update("company", key, city="go")
    await road.settle()
    assert [row["Name"] for row in road.org.rows("Account")] == ["Acme"]


@pytest.mark.parametrize("looked_before", [True, False])
async def test_a_filter_that_changes_while_the_first_load_ends_takes_in_what_the_load_left_out(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch, *, looked_before: bool
) -> None:
    road = await make_road(PUSHED)
    for city in ("Berlin", "Rome"):
        await road.insert("company", name=city, city=city)
    await road.app.execute("DELETE FROM isthmus.change")  # they were there before the capture
    refiltering = Refiltering(road.parts, KeptFacts(road.pool))
    if looked_before:
        await refiltering.look()

    async def overtaken(parts: Parts, step: Step) -> int:
        count = await enqueue_all_unlinked(parts, step)
        road.parts.in_force.replace(Steps((COMPANIES,)))
        await refiltering.look()
        return count

    monkeypatch.setattr("daemon.flow.load.enqueue_all_unlinked", overtaken)
    await road.load()
    await road.settle()
    assert [account["Name"] for account in road.org.rows("Account")] == ["Berlin"]
    assert await refiltering.look() == {"companies"}
    await road.settle()
    assert sorted(str(account["Name"]) for account in road.org.rows("Account")) == ["Berlin", "Rome"]
    assert await refiltering.look() == frozenset()


async def test_a_step_is_loaded_under_the_filter_of_the_hour_in_which_its_load_begins(
    make_road: MakeRoad,
) -> None:
    """The steps before it may take long, and meanwhile its filter was changed and looked at."""
    road = await make_road(COMPANIES, replace(PEOPLE, push_filter=Filter("last_name = 'In'", ("last_name",))))
    await road.insert("person", last_name="Out")
    await road.app.execute("DELETE FROM isthmus.change")
    refiltering = Refiltering(road.parts, KeptFacts(road.pool))

    async def first_load(step: str) -> str | None:
        found = await road.parts.store.first_load(step)
        if step == "companies":
            road.parts.in_force.replace(Steps((COMPANIES, PEOPLE)))
            await refiltering.look()
        return found

    store: Any = Asking(road.parts.store, first_load)
    loader = Loader(replace(road.parts, store=store), bulk_from=10**9)
    await loader.first_loads()
    await road.settle()
    assert [person["LastName"] for person in road.org.rows("Contact")] == ["Out"]
    assert await refiltering.look() == frozenset()


class Asking:
    """A store that is asked for the state of a first load through a function."""

    def __init__(self, store: Any, first_load: Callable[[str], Awaitable[str | None]]) -> None:
        self._store = store
        self.first_load = first_load

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
