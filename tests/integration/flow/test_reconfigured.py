"""Another configuration under a daemon that runs: put in force between two batches, and what it concerns is made good."""

from collections.abc import Mapping

import pytest

from daemon.domain.failure import ConfigurationError, RefusedError
from daemon.domain.mapping import Steps
from daemon.flow.deferral import REMOVED
from daemon.settings.load import loads
from daemon.settings.resolution.holding import resolve_holding
from daemon.settings.resolve import wanted_objects, wanted_tables
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.drifting import TEXT, Drifting, drifting, in_force

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
