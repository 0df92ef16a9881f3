"""Another configuration under a daemon that runs: put in force between two batches, and what it concerns is made good."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from daemon.compose.reloading import Reloading
from daemon.domain.failure import ConfigurationError, RefusedError, TryLaterError
from daemon.domain.mapping import Steps
from daemon.flow.deferral import REMOVED
from daemon.flow.drift import watch
from daemon.settings.load import loads
from daemon.settings.resolution.holding import resolve_holding
from daemon.settings.resolve import wanted_objects, wanted_tables
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.drifting import TEXT, Drifting, drifting, in_force

if TYPE_CHECKING:
    from daemon.compose.assembly import Daemon

WITH_WEBSITE = TEXT + "      - { salesforce: Website, postgres: website }\n"
WITHOUT = TEXT.replace("    direction: two_way\n", "    direction: two_way\n    enabled: false\n")


async def adopt(scene: Drifting, text: str, touched: Mapping[str, bool]) -> None:
    settings = loads(text, {"KEY": "k"})

    async def ready(steps: Steps) -> None:
        await scene.road.database.capture_install(steps.ordered)

    await scene.watch.adopt(
        lambda seen, known: resolve_holding(settings, seen.objects, seen.tables, known),
        (wanted_objects(settings), wanted_tables(settings)),
        ready,
        touched,
    )
    await scene.look()


async def test_what_a_new_mapping_holds_on_either_side_is_brought_over(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company(Website="acme.example")
    other_key, other = await scene.company(Name="Other")
    await road.update("company", other_key, website="other.example")
    await road.settle()
    await adopt(scene, WITH_WEBSITE, {"companies": False})
    await road.settle()
    row = await road.row("company", key)
    assert row is not None
    assert row["website"] == "acme.example"
    assert road.record("Account", other)["Website"] == "other.example"
    road.org.update("Account", sf_id, {"Website": "new.example"})
    await road.settle()
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S4-25")
async def test_a_field_that_is_new_in_salesforce_can_be_mapped_without_a_restart(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    key, sf_id = await scene.company()
    shoe = {"Shoe__c": {"type": "text", "length": 9}}
    await scene.road.control.post("fields", object="Account", fields=shoe)
    await adopt(scene, TEXT + "      - { salesforce: Shoe__c, postgres: website }\n", {"companies": False})
    await scene.road.update("company", key, website="41")
    await scene.road.settle()
    assert scene.road.record("Account", sf_id)["Shoe__c"] == "41"


@pytest.mark.requirement("S1-65")
async def test_what_was_captured_of_a_removed_step_is_kept_and_taken_up_when_it_is_back(
    make_road: MakeRoad,
) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company()
    await road.update("company", key, phone="2")
    await adopt(scene, WITHOUT, {})
    assert in_force(scene).ordered == ()
    await road.work()
    (kept,) = await road.changes()
    assert (kept["code"], kept["state"]) == (REMOVED, "pending")
    assert road.record("Account", sf_id)["Phone"] == "1"
    assert len(await road.links()) == 1
    road.org.update("Account", sf_id, {"BillingCity": "Faro"})
    await road.listen()
    await adopt(scene, TEXT, {"companies": True})
    await road.settle()
    row = await road.row("company", key)
    assert row is not None
    assert (row["city"], road.record("Account", sf_id)["Phone"]) == ("Faro", "2"), (
        "both sides' changes of the meantime"
    )
    await road.quiet()


async def test_a_configuration_that_is_refused_leaves_the_former_one_and_its_watch(
    make_road: MakeRoad,
) -> None:
    scene = await drifting(make_road)
    former = in_force(scene)
    with pytest.raises(ConfigurationError, match="does not fit both sides"):
        await adopt(
            scene, WITH_WEBSITE.replace("postgres: website", "postgres: wobsite"), {"companies": False}
        )
    with pytest.raises(ConfigurationError, match="does not fit both sides"):
        await adopt(scene, TEXT.replace("postgres: ext_id", "postgres: ext"), {"companies": True})
    settings = loads(WITH_WEBSITE, {"KEY": "k"})

    async def refuse(_: Steps) -> None:
        raise RefusedError("no", "the role may not", "ask")

    with pytest.raises(RefusedError):
        await scene.watch.adopt(
            lambda seen, known: resolve_holding(settings, seen.objects, seen.tables, known), (("Account",), ("app.company",)), refuse, {"companies": False}
        )  # fmt: skip
    assert await scene.look() == ()
    assert in_force(scene) is former


CONTACTS = """\
  - name: companies
    salesforce: { object: Contact }
    postgres: { table: app.company, updated_at: updated_at }
    direction: two_way
    fields:
      - { salesforce: LastName, postgres: name, mandatory: true }
      - { salesforce: Phone, postgres: phone }
"""
OTHER_OBJECT = TEXT[: TEXT.index("  - name: companies")] + CONTACTS
OTHER_TABLE = OTHER_OBJECT.replace("Contact", "Account").replace("LastName", "Name").replace(
    "table: app.company, updated_at: updated_at", "table: app.partner"
)  # fmt: skip


def reloading(scene: Drifting, files: list[str]) -> Reloading:
    """The reloading of a daemon that runs by TEXT: each reload takes up the next of these files."""
    road = scene.road
    sides = SimpleNamespace(database=road.database, pool=road.pool)
    daemon = SimpleNamespace(
        settings=loads(TEXT, {"KEY": "k"}),
        lease=road.lease,
        parts=road.parts,
        sides=sides,
        refused=None,
        meter=road.meter,
        clock=road.parts.clock,
    )
    return Reloading(cast("Daemon", daemon), scene.watch, lambda: loads(files.pop(0), {"KEY": "k"}))


@pytest.mark.parametrize(
    ("moved", "cure"),
    [
        (OTHER_OBJECT, "give the new pair a step with a name of its own"),
        (OTHER_TABLE, "UPDATE isthmus.link SET pg_table = 'app.partner' WHERE step = 'companies' AND pg_table = 'app.company'"),
    ],
)  # fmt: skip
async def test_a_step_that_is_back_with_another_object_or_table_is_refused_while_its_links_are_there(
    make_road: MakeRoad, moved: str, cure: str
) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company()
    reload = reloading(scene, [WITHOUT, moved, TEXT]).reload
    await reload()
    taken_up = road.meter.gauged("isthmus_config_last_reload_success_timestamp_seconds")
    assert road.meter.gauged("isthmus_config_last_reload_successful") == 1
    with pytest.raises(RefusedError, match="the step companies pairs") as refused:
        await reload()
    assert road.meter.gauged("isthmus_config_last_reload_successful") == 0
    assert road.meter.gauged("isthmus_config_last_reload_success_timestamp_seconds") == taken_up
    assert "companies has 1 of Account and app.company" in refused.value.why
    assert cure in refused.value.fix
    assert in_force(scene).ordered == ()
    await reload()
    assert road.meter.gauged("isthmus_config_last_reload_successful") == 1
    await scene.look()
    await road.settle()
    assert await road.row("company", key) is not None
    assert road.record("Account", sf_id)["Name"] == "Acme"
    await road.in_step()


async def test_links_of_the_former_object_are_never_read_under_the_new_one(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    road = scene.road
    for number in range(30):
        road.org.create("Account", {"Name": f"Company {number}"})
    await road.settle()
    await adopt(scene, WITHOUT, {})
    await adopt(scene, OTHER_OBJECT, {"companies": True})
    await road.app.execute("UPDATE app.company SET phone = '7'")
    await road.settle()
    assert len(await road.rows("company")) == 30
    assert len(road.org.rows("Account")) == 30
    assert {link.object for link in await road.links()} == {"Account"}
    assert {change["code"] for change in await road.changes()} == {"former_pair"}


async def test_a_side_that_does_not_describe_itself_in_time_refuses_the_configuration(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await drifting(make_road)
    steps = in_force(scene)
    monkeypatch.setattr(watch, "PATIENCE", 0.0)
    with pytest.raises(TryLaterError, match="not taken up"):
        await reloading(scene, [WITHOUT]).reload()
    assert in_force(scene) is steps
    assert scene.road.meter.gauged("isthmus_config_last_reload_successful") == 0


async def test_a_step_that_is_back_with_a_new_process_makes_good_what_both_sides_did_meanwhile(
    make_road: MakeRoad,
) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company()
    other_key, other = await scene.company(Name="Other")
    await adopt(scene, WITHOUT, {})
    await road.database.capture_remove(["companies"])
    road.org.update("Account", sf_id, {"Rating": "Cold"})
    await road.update("company", other_key, phone="8")
    new = road.org.create("Account", {"Name": "New"})
    await road.settle()  # events of an object that no step has are passed over
    await road.hang_up()
    found = await scene.reborn()
    assert found.steps is not None
    await road.database.capture_install(found.steps.ordered)
    await scene.look()
    await road.settle()
    row = await road.row("company", key)
    assert row is not None
    assert row["rating"] == "Cold"
    assert road.record("Account", other)["Phone"] == "8"
    assert new in {link.sf_id for link in await road.links()}
    await scene.look()
    await road.quiet()
