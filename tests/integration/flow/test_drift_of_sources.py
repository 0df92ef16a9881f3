"""A table that speaks for another step's records changes its shape while the daemon runs: what it touches is held, and nothing else."""

from dataclasses import replace

from adapters.postgres.kept import KeptFacts
from daemon.flow.drift.watch import SchemaWatch
from daemon.flow.in_force import InForce
from daemon.flow.load import Loader
from daemon.flow.removed_steps import RemovedSteps
from daemon.flow.worker import Worker
from daemon.settings.resolution.holding import resolve_holding
from daemon.settings.resolve import wanted_objects, wanted_tables
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.profiles import DEFAULT, insert, settled_road


async def test_a_dropped_column_of_one_source_holds_what_it_spoke_of_and_nothing_else(
    make_road: MakeRoad,
) -> None:
    road = await settled_road(make_road, DEFAULT)
    road.parts = replace(road.parts, in_force=InForce(road.steps))
    road.loader = Loader(road.parts, bulk_from=10**9)
    road.worker = Worker(road.parts, road.loader.reload)
    watch = SchemaWatch(
        road.parts,
        road.salesforce.catalogue,
        road.database,
        KeptFacts(road.pool),
        lambda seen, known: resolve_holding(DEFAULT, seen.objects, seen.tables, known),
        (wanted_objects(DEFAULT), wanted_tables(DEFAULT)),
        lambda up, reason: None,
    )
    assert await watch.look() == ()
    person = await insert(road, "people", last_name="Hill", email="hill@acme.example", account="Acme")
    await road.settle()
    (link,) = await road.links()
    await road.app.execute("ALTER TABLE public.inbox_states DROP COLUMN state")
    [drift] = await watch.look()
    assert (drift.step, drift.field) == ("inbox_state", "Status")
    assert "was dropped" in drift.what
    assert not any(step.still for step in road.steps.ordered)
    await insert(road, "sequence_people", person_id=person, status="active")
    await road.app.execute("UPDATE public.people SET last_name = 'Hull' WHERE id = $1", person)
    await road.settle()
    lead = road.record("Lead", link.sf_id)
    assert (lead["LastName"], lead["Status"]) == ("Hull", "Working - Contacted")
    assert await road.changes() == []
    await road.app.execute("ALTER TABLE public.inbox_states ADD COLUMN state text")
    assert await watch.look() == ()
    await insert(road, "inbox_states", person_id=person, state="not_interested")
    await road.settle()
    assert road.record("Lead", link.sf_id)["Status"] == "Closed - Not Converted"


async def test_the_capture_of_a_source_is_not_that_of_a_removed_step(make_road: MakeRoad) -> None:
    road = await settled_road(make_road, DEFAULT)
    assert {"sequence_status", "inbox_state"} <= await road.database.captured_steps()
    assert await RemovedSteps(road.parts, road.database).look({}) == {}
    assert await road.database.capture_check(road.steps.ordered) == []
