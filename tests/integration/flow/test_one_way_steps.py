"""A step in and a step out over one table and one object: two steps for the operator, one set of links for the daemon."""

from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from adapters.postgres.kept import KeptFacts
from adapters.postgres.sharing import PostgresSharing
from daemon.compose.one_way import NAME, SharedLinks
from daemon.compose.reloading import Reloading
from daemon.domain.mapping import Step
from daemon.domain.side import Direction
from daemon.flow.capture_faults import CaptureFaults
from daemon.flow.drift.watch import SchemaWatch
from daemon.operations import guard
from daemon.operations.endpoints import endpoints
from daemon.operations.status import status
from daemon.ports.api import ApiRequest
from daemon.settings.errors import SettingsError
from daemon.settings.load import loads
from daemon.settings.models import Settings
from daemon.settings.resolution.holding import resolve_holding
from daemon.settings.resolve import wanted_objects, wanted_tables
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.profiles import SIDES, in_force
from tests.integration.flow.scenes import LATER
from tests.support.road import Road, shift

if TYPE_CHECKING:
    from daemon.compose.assembly import Daemon

IN = """\
  - name: companies_in
    salesforce: { object: Account }
    postgres: { table: app.company }
    direction: pull
    identify: [ { external_id: { salesforce: Ext_Id__c, postgres: ext_id } } ]
    actions: [ { name: tell, do: { insert: { table: app.told, columns: { step: $step, key: $key, way: $direction } } } } ]
    fields:
      - { salesforce: Name, postgres: name, mandatory: true }
      - { salesforce: Rating, postgres: rating }
"""
OUT = """\
  - name: companies_out
    salesforce: { object: Account }
    postgres: { table: app.company }
    direction: push
    identify: [ { external_id: { salesforce: Ext_Id__c, postgres: ext_id } } ]
    actions: [ { name: tell, do: { insert: { table: app.told, columns: { step: $step, key: $key, way: $direction } } } } ]
    fields:
      - { salesforce: Name, postgres: name, mandatory: true }
      - { salesforce: Phone, postgres: phone }
"""
SITES = """\
  - name: sites
    salesforce: { object: Account }
    postgres: { table: app.site, updated_at: updated_at, through: { step: companies_out, column: company_id } }
    direction: push
    fields: [ { salesforce: Website, postgres: site } ]
"""
OTHER = """\
  - name: partners
    salesforce: { object: Contact }
    postgres: { table: app.partner }
    direction: push
    fields: [ { salesforce: LastName, postgres: name } ]
"""


def written(*steps: str) -> Settings:
    return loads(f"{SIDES}steps:\n{''.join(steps)}", {})


@dataclass
class Scene:
    """A road that runs by a configuration, and what puts another one in force."""

    road: Road
    watch: SchemaWatch
    files: list[Settings]
    daemon: "Daemon"
    shared: SharedLinks

    async def reload(self, *steps: str) -> None:
        """Another file under the daemon that runs, and the looks that follow."""
        await self.reload_alone(*steps)
        await self.watch.look()
        await self.road.load()
        await self.road.settle()

    async def reload_alone(self, *steps: str) -> None:
        """Another file, before any look follows."""
        self.files.append(written(*steps))
        await Reloading(self.daemon, self.watch, lambda: self.files[-1]).reload()

    async def restart(self, *steps: str) -> None:
        """Another file, and a new process."""
        found = await in_force(self.road, written(*steps))
        await self.road.database.capture_install(found.ordered)
        self.road.reconfigured(*found.ordered)
        await self.shared.begin(found)
        await self.road.load()
        await self.road.settle()

    @property
    def step(self) -> Step:
        """The step between the companies and their accounts."""
        [step] = [step for step in self.road.steps.ordered if step.object == "Account"]
        return step

    async def company(self) -> tuple[str, str]:
        """A linked pair: the row's key and the record's id."""
        sf_id = self.road.org.create("Account", {"Name": "Acme", "Rating": "Hot", "Ext_Id__c": "x-1"})
        await self.road.settle()
        [link] = [link for link in await self.road.links() if link.sf_id == sf_id]
        return link.key, sf_id

    async def both_ways_work(self, key: str, sf_id: str) -> None:
        await self.comes_in(key, sf_id)
        await self.goes_out(key, sf_id)
        await self.road.quiet()

    async def comes_in(self, key: str, sf_id: str, rating: str = "Warm") -> None:
        shift(self.road, LATER)
        self.road.org.update("Account", sf_id, {"Rating": rating})
        await self.road.settle()
        row = await self.road.row("company", key)
        assert row is not None
        assert row["rating"] == rating

    async def goes_out(self, key: str, sf_id: str, phone: str = "7") -> None:
        shift(self.road, LATER)
        await self.road.update("company", key, phone=phone)
        await self.road.settle()
        assert self.road.record("Account", sf_id)["Phone"] == phone


def watching(road: Road, settings: Settings, shared: SharedLinks) -> SchemaWatch:
    """The watch of a process that was started with this file."""
    return SchemaWatch(
        road.parts,
        road.salesforce.catalogue,
        road.database,
        KeptFacts(road.pool),
        lambda seen, known: resolve_holding(settings, seen.objects, seen.tables, known),
        (wanted_objects(settings), wanted_tables(settings)),
        lambda up, reason: None,
        shared.settle,
    )


async def scene(make_road: MakeRoad, *steps: str) -> Scene:
    road = await make_road()
    await road.app.execute(
        "CREATE TABLE app.told (step text, key text, way text);"
        "CREATE TABLE app.site (id bigint PRIMARY KEY, company_id bigint, site text, updated_at timestamptz DEFAULT clock_timestamp())"
    )
    settings = written(*steps)
    found = await in_force(road, settings)
    await road.database.capture_install(found.ordered)
    road.reconfigured(*found.ordered)
    shared = SharedLinks(PostgresSharing(road.pool, road.lease), road.database, KeptFacts(road.pool))
    await shared.begin(found)
    await road.load()
    await road.settle()
    watch = watching(road, settings, shared)
    await watch.look()
    sides = SimpleNamespace(database=road.database, pool=road.pool)
    daemon = SimpleNamespace(
        settings=settings,
        lease=road.lease,
        parts=road.parts,
        sides=sides,
        refused=None,
        meter=road.parts.meter,
        clock=road.parts.clock,
    )
    return Scene(road, watch, [], cast("Daemon", daemon), shared)


@pytest.mark.requirement("S1-05", "S1-47")
async def test_each_way_carries_what_its_own_step_maps_over_one_set_of_links(make_road: MakeRoad) -> None:
    here = await scene(make_road, IN, OUT)
    road = here.road
    key, sf_id = await here.company()
    await road.update("company", key, rating="Cold")
    road.org.update("Account", sf_id, {"Phone": "99"})
    await road.settle()
    row = await road.row("company", key)
    assert row is not None
    assert (row["phone"], road.record("Account", sf_id)["Rating"]) == (None, "Hot"), (
        "neither goes the other way"
    )
    await here.both_ways_work(key, sf_id)
    await road.update("company", key, name="Acme & Sons")
    await road.settle()
    assert road.record("Account", sf_id)["Name"] == "Acme & Sons"
    road.org.update("Account", sf_id, {"Name": "Acme Ltd"})
    await road.settle()
    row = await road.row("company", key)
    assert row is not None
    assert row["name"] == "Acme Ltd", "what both map travels both ways"
    made = await road.insert("company", name="New", ext_id="n-1")
    await road.settle()
    link = await road.link("companies_in", made)
    assert road.record("Account", link.sf_id)["Name"] == "New"
    assert len(await road.links()) == len(road.org.rows("Account")) == 2
    await road.quiet()


async def test_each_is_told_under_its_own_name(make_road: MakeRoad) -> None:
    here = await scene(make_road, IN, OUT)
    key, sf_id = await here.company()
    await here.both_ways_work(key, sf_id)
    shown = (await status(here.road.office))["steps"]
    assert [(step["name"], step["direction"], step["links"]) for step in shown] == [
        ("companies_in", "pull", 1),
        ("companies_out", "push", 1),
    ]
    told = {tuple(row) for row in await here.road.app.fetch("SELECT step, key, way FROM app.told")}
    assert told == {("companies_in", key, "pull"), ("companies_out", key, "push")}
    assert here.road.office.step("companies_out") is here.road.office.step("companies_in")


async def asked(road: Road, method: str, route: str, **given: Any) -> Any:
    """What a route answers an operator."""
    [found] = [e for e in endpoints(road.office) if (e.method, e.path) == (method, f"/api/v1{route}")]
    request = {"path": {}, "query": {}, "body": {}, **given}
    return (await found.handle(ApiRequest(operator="ann", **request))).body


@pytest.mark.parametrize(("name", "other"), [("companies_in", "push"), ("companies_out", "pull")])
async def test_a_page_about_one_of_them_is_full_as_long_as_there_is_more(
    make_road: MakeRoad, name: str, other: str
) -> None:
    here = await scene(make_road, IN, OUT)
    key, sf_id = await here.company()
    for number in range(2):
        await here.comes_in(key, sf_id, ("Warm", "Cold")[number])
        await here.goes_out(key, sf_id, str(number))
    expected = [entry for entry in await here.road.journal() if entry["direction"] != other]
    pages: list[list[dict[str, Any]]] = []
    query = {"step": name, "limit": "1"}
    while query:
        page = await asked(here.road, "GET", "/log", query=query)
        pages.append(page["items"])
        query = {**query, "cursor": page["next"]} if page["next"] is not None else {}
    assert [len(items) for items in pages] == [1] * len(expected)
    assert {item["step"] for items in pages for item in items if item["direction"] != "none"} == {name}


async def test_what_is_parked_of_one_of_them_is_listed_and_retried_by_its_name_alone(
    make_road: MakeRoad,
) -> None:
    here = await scene(make_road, IN, OUT)
    key, sf_id = await here.company()
    await here.road.app.execute("ALTER TABLE app.company ADD CHECK (rating <> 'bad')")
    rule = {"object": "Account", "field": "Phone", "value": "bad", "message": "No"}
    await here.road.control.post("validation-rules", **rule)
    shift(here.road, LATER)
    here.road.org.update("Account", sf_id, {"Rating": "bad"})
    await here.road.settle()
    second = await here.road.insert("company", name="Second", phone="bad")
    await here.road.settle()
    listed = {
        name: [
            (item["direction"], item["key"])
            for item in (await asked(here.road, "GET", "/parked", query={"step": name}))["items"]
        ]
        for name in ("companies_in", "companies_out")
    }
    assert listed == {"companies_in": [("pull", key)], "companies_out": [("push", second)]}
    retried = await asked(here.road, "POST", "/parked:retry", body={"step": "companies_out"})
    assert retried == {"retried": 1}
    states = {change["side"]: change["state"] for change in await here.road.changes()}
    assert states == {"salesforce": "parked", "postgres": "pending"}


@pytest.mark.requirement("S1-54", "S1-57")
async def test_each_has_a_filter_of_its_own(make_road: MakeRoad) -> None:
    only_in = IN.replace(
        "direction: pull\n", "direction: pull\n    pull: { filter: { soql: \"Rating != 'Cold'\" } }\n"
    )
    only_out = OUT.replace(
        "direction: push\n", "direction: push\n    push: { filter: { sql: \"phone <> '0'\" } }\n"
    )
    here = await scene(make_road, only_in, only_out)
    road = here.road
    road.org.create("Account", {"Name": "Left out", "Rating": "Cold"})
    await road.insert("company", name="Kept", phone="0", ext_id="k")
    await road.settle()
    assert (len(await road.rows("company")), len(road.org.rows("Account"))) == (1, 1)
    key, sf_id = await here.company()
    await here.goes_out(key, sf_id)
    await road.update("company", key, phone="0")
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "7", "the row is left out by the way out"
    await here.comes_in(key, sf_id)


async def test_each_says_what_deletes_do_the_other_way(make_road: MakeRoad) -> None:
    kept = IN.replace("direction: pull\n", "direction: pull\n    on_delete: keep\n")
    here = await scene(make_road, kept, OUT)
    road = here.road
    key, sf_id = await here.company()
    shift(road, LATER)
    road.org.delete("Account", sf_id)
    await road.settle()
    assert await road.row("company", key) is not None, "the way in keeps the row"
    other = road.org.create("Account", {"Name": "Second", "Ext_Id__c": "x-2"})
    await road.settle()
    [link] = [link for link in await road.links() if link.sf_id == other]
    shift(road, LATER)
    await road.delete("company", link.key)
    await road.settle()
    assert other not in {record["Id"] for record in road.org.rows("Account")}, (
        "the way out hands the delete on"
    )


async def test_each_says_what_is_made(make_road: MakeRoad) -> None:
    updates = OUT.replace("direction: push\n", "direction: push\n    push: { behaviour: update_only }\n")
    here = await scene(make_road, IN, updates)
    await here.road.insert("company", name="Not made", ext_id="n")
    key, sf_id = await here.company()
    assert len(here.road.org.rows("Account")) == 1
    await here.goes_out(key, sf_id)


OFF_IN = IN.replace("    salesforce:", "    enabled: false\n    salesforce:", 1)


@pytest.mark.requirement("S1-65")
@pytest.mark.parametrize("afresh", [False, True])
@pytest.mark.parametrize(
    ("left", "name", "way"),
    [
        ((IN,), "companies_in", Direction.PULL),
        ((OFF_IN, OUT), "companies_out", Direction.PUSH),
    ],
)
async def test_one_goes_and_comes_back_and_the_links_stay(
    make_road: MakeRoad, left: tuple[str, ...], name: str, way: Direction, *, afresh: bool
) -> None:
    here = await scene(make_road, IN, OUT, OTHER)
    key, sf_id = await here.company()
    await here.both_ways_work(key, sf_id)
    road, again = here.road, here.restart if afresh else here.reload
    await again(*left, OTHER)
    assert (here.step.name, here.step.direction) == (name, way)
    assert [(link.step, link.key, link.sf_id) for link in await road.links()] == [(name, key, sf_id)]
    assert await road.changes() == []
    if way is Direction.PULL:
        await here.comes_in(key, sf_id, "Cold")
        await road.update("company", key, phone="8", name="Acme Two")
    else:
        await here.goes_out(key, sf_id, "8")
        road.org.update("Account", sf_id, {"Rating": "Cold", "Name": "Acme Two"})
    await road.settle()
    assert await road.changes() == []
    await again(IN, OUT, OTHER)
    assert here.step.names == ("companies_in", "companies_out")
    assert [(link.step, link.key, link.sf_id) for link in await road.links()] == [
        ("companies_in", key, sf_id)
    ]
    row, record = await road.row("company", key), road.record("Account", sf_id)
    assert row is not None
    assert (
        (row["rating"], row["phone"], row["name"])
        == (record["Rating"], record["Phone"], record["Name"])
        == ("Cold", "8", "Acme Two")
    ), "and what was done meanwhile travels"
    await here.both_ways_work(key, sf_id)
    triggers = await road.app.fetch("SELECT tgname FROM pg_trigger WHERE tgname LIKE '%companies_out%'")
    assert triggers == [], "only the pair's own triggers are left"


async def test_a_step_out_that_is_joined_by_a_step_in_gives_up_its_name(make_road: MakeRoad) -> None:
    here = await scene(make_road, OUT)
    key = await here.road.insert("company", name="First", ext_id="f")
    await here.road.settle()
    [link] = await here.road.links()
    lone = here.road.org.create("Account", {"Name": "Lone", "Rating": "Hot"})
    await here.reload(IN, OUT)
    assert {(each.step, each.sf_id) for each in await here.road.links()} == {
        ("companies_in", link.sf_id),
        ("companies_in", lone),
    }
    await here.both_ways_work(key, link.sf_id)
    assert await KeptFacts(here.road.pool).get(NAME) is not None


@pytest.mark.parametrize("gone", [IN, OUT])
async def test_what_waits_goes_on_under_the_name_of_the_one_that_stays(
    make_road: MakeRoad, gone: str
) -> None:
    here = await scene(make_road, IN, OUT)
    key, sf_id = await here.company()
    road = here.road
    await road.update("company", key, phone="5")
    road.org.update("Account", sf_id, {"Rating": "Cold"})
    await road.listen()
    await here.reload(OUT if gone == IN else IN)
    row = await road.row("company", key)
    assert row is not None
    if gone == IN:
        assert road.record("Account", sf_id)["Phone"] == "5"
    else:
        assert row["rating"] == "Cold"
    assert await road.changes() == []


async def test_a_load_that_begins_at_once_finds_the_links_under_the_pair_s_name(make_road: MakeRoad) -> None:
    here = await scene(make_road, OUT)
    road = here.road
    key = await road.insert("company", name="First", ext_id="f")
    await road.settle()
    [link] = await road.links()
    road.org.update("Account", link.sf_id, {"Rating": "Hot"})
    await road.settle()
    await here.reload_alone(IN, OUT)
    assert [(each.step, each.key) for each in await road.links()] == [("companies_in", key)]
    await road.load()
    row = await road.row("company", key)
    assert row is not None
    assert row["rating"] == "Hot"


async def test_links_that_a_former_batch_wrote_meanwhile_are_taken_over_after_it(make_road: MakeRoad) -> None:
    here = await scene(make_road, IN, OUT)
    key, _ = await here.company()
    road = here.road
    with road.parts.in_force.batch():
        await here.reload_alone(OUT)
        await road.app.execute("UPDATE isthmus.link SET step = 'companies_in'")
    await here.watch.look()
    assert [(each.step, each.key) for each in await road.links()] == [("companies_out", key)]


async def test_what_capture_missed_is_made_good_by_the_one_that_stays(make_road: MakeRoad) -> None:
    here = await scene(make_road, IN, OUT)
    key, sf_id = await here.company()
    road = here.road
    await road.app.execute("ALTER TABLE app.company DISABLE TRIGGER USER")
    await road.update("company", key, phone="5")
    await road.app.execute("ALTER TABLE app.company ENABLE TRIGGER USER")
    await road.app.execute(
        "INSERT INTO isthmus.capture_fault (step, operation, sqlstate, message) VALUES ('companies_in', 'update', '57014', 'x')"
    )
    await here.reload(OUT)
    await CaptureFaults(road.parts).make_good()
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "5"


async def test_a_filter_that_is_dropped_as_the_other_step_goes_takes_in_what_it_left_out(
    make_road: MakeRoad,
) -> None:
    filtered = OUT.replace(
        "direction: push\n", "direction: push\n    push: { filter: { sql: \"phone <> '0'\" } }\n"
    )
    here = await scene(make_road, IN, filtered)
    road = here.road
    await road.insert("company", name="Left out", phone="0", ext_id="k")
    await road.settle()
    assert road.org.rows("Account") == []
    await here.restart(OUT)
    assert here.step.name == "companies_out"
    await watching(road, written(OUT), here.shared).look()
    await road.settle()
    assert [record["Name"] for record in road.org.rows("Account")] == ["Left out"]
    assert await road.changes() == []


async def test_what_an_operator_lets_pass_the_guard_passes_under_the_other_name(make_road: MakeRoad) -> None:
    here = await scene(make_road, IN, OUT)
    road = here.road
    first, _ = await here.company()
    await guard.allow(road.office, "companies_in", 5, timedelta(hours=1), "ann")
    await road.delete("company", first)
    await road.settle()
    await here.reload(OUT)
    permits = await road.app.fetch("SELECT step, amount FROM isthmus.delete_permit")
    assert [tuple(row) for row in permits] == [("companies_out", 4)], "one of them has passed"
    await here.reload(IN, OUT)
    permits = await road.app.fetch("SELECT step, amount FROM isthmus.delete_permit")
    assert [tuple(row) for row in permits] == [("companies_in", 4)]


@pytest.mark.parametrize("left", [(IN, OUT, SITES), (OUT, SITES)], ids=["both", "the step out alone"])
async def test_another_table_speaks_for_the_records_of_the_step_out(
    make_road: MakeRoad, left: tuple[str, ...]
) -> None:
    here = await scene(make_road, IN, OUT, SITES)
    key, sf_id = await here.company()
    if left != (IN, OUT, SITES):
        await here.reload(*left)
    shift(here.road, LATER)
    await here.road.app.execute("INSERT INTO app.site VALUES (1, $1, 'https://acme.example')", int(key))
    await here.road.settle()
    assert here.road.record("Account", sf_id)["Website"] == "https://acme.example"
    await here.goes_out(key, sf_id)
    assert await here.road.changes() == []


def test_no_table_speaks_for_the_records_of_the_step_in() -> None:
    with pytest.raises(SettingsError) as refused:
        written(IN, OUT, SITES.replace("companies_out", "companies_in"))
    assert ["only pulls" in problem.what for problem in refused.value.problems] == [True]
