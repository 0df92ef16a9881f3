"""Five hundred steps: read, resolved, captured, loaded, and one of them used."""

import time

import pytest

from daemon.domain.mapping import Steps
from daemon.settings.load import loads
from daemon.settings.resolution.holding import resolve_holding
from daemon.settings.resolve import wanted_objects, wanted_tables
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.drifting import TEXT

MANY = 500
MOST_SECONDS = 180.0
"""For the start of all of them, on a machine that is busy with other things."""


def configuration() -> str:
    steps = "".join(
        f"  - name: many_{number}\n    salesforce: {{ object: Contact }}\n    postgres: {{ table: app.many_{number} }}\n"
        f"    direction: push\n    fields: [{{ salesforce: LastName, postgres: last_name }}]\n"
        for number in range(MANY)
    )
    return TEXT[: TEXT.index("steps:\n")] + "steps:\n" + steps


@pytest.mark.requirement("S1-33")
async def test_five_hundred_steps_start_and_run(make_road: MakeRoad) -> None:
    road = await make_road()
    for first in range(0, MANY, 100):
        await road.app.execute(
            ";".join(
                f"CREATE TABLE app.many_{n} (id bigint PRIMARY KEY, last_name text)"
                for n in range(first, first + 100)
            )
        )
    begun = time.monotonic()
    settings = loads(configuration(), {"KEY": "k"})
    objects = await road.salesforce.catalogue.describe_all(wanted_objects(settings), whole=True)
    found = resolve_holding(settings, objects, await road.database.tables(wanted_tables(settings)), {})
    assert found.steps is not None, [str(problem) for problem in found.problems]
    read = time.monotonic() - begun
    await road.database.capture_install(found.steps.ordered)
    assert await road.database.capture_check(found.steps.ordered) == []
    captured = time.monotonic() - begun
    assert len(Steps(found.steps.ordered).by_name) == MANY
    road.reconfigured(*found.steps.ordered)
    await road.load()
    started = time.monotonic() - begun
    took = f"{MANY} steps: {read:.1f} s to read, {captured:.1f} s with capture, {started:.1f} s loaded"
    assert started < MOST_SECONDS, took
    await road.app.execute(
        "INSERT INTO app.many_7 VALUES (1, 'Seven'); INSERT INTO app.many_499 VALUES (1, 'Last')"
    )
    await road.settle()
    assert [(link.step, link.key) for link in await road.links()] == [("many_7", "1"), ("many_499", "1")]
    assert await road.changes() == []
