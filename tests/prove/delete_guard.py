"""One side is emptied, in three ways: nothing is deleted on the other, and the daemon says so."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from tests.prove.figure import Seen, Stage
from tests.support.world import World, world
from tests.support.world_program import until

ROWS = 200
SECONDS = 5.0
_LOAD_SECONDS = 90.0
_OURS = (
    ("delete_guard: { max_count: 100000, max_ratio: 1 }", "delete_guard: { max_count: 25, max_ratio: 0.05 }"),
)
_HELD = """
    SELECT count(*) FROM isthmus.change
    WHERE kind = 'delete' AND state IN ('held', 'parked') OR code LIKE '%guard%'
"""


async def delete_guard(stage: Stage) -> Seen:
    """Empty a side in each way, in a world of its own."""
    ways: dict[str, Callable[[World], Awaitable[Any]]] = {
        "DELETE": lambda made: made.execute("DELETE FROM crm.companies"),
        "TRUNCATE": lambda made: made.execute("TRUNCATE crm.companies CASCADE"),
        "Salesforce": _empty_the_org,
    }
    propagated: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for name, empty in list(ways.items())[: stage.size(3, 1)]:
        async with world(stage.databases(), stage.room(name), changes=_OURS) as made:
            propagated[name], seconds[name] = await _emptied(made, empty, theirs=name == "Salesforce")
        stage.progress(len(seconds), len(ways))
    figure = ", ".join(
        f"{name}: {count} of {ROWS} propagated, held after {seconds[name]:.1f} s"
        for name, count in propagated.items()
    )
    return Seen(figure, not any(propagated.values()) and max(seconds.values()) <= SECONDS)


async def _emptied(
    made: World, empty: Callable[[World], Awaitable[Any]], *, theirs: bool
) -> tuple[int, float]:
    """How many deletions went across, and the seconds until the rest was held."""
    await made.execute("INSERT INTO crm.companies (name) SELECT 'n' FROM generate_series(1, $1)", ROWS)
    await made.start()
    await made.quiescent(_LOAD_SECONDS)
    await empty(made)
    started = time.monotonic()

    async def held() -> bool:
        return bool(await made.value(_HELD))

    await until(held, "deletions are held", SECONDS * 6)
    seconds = time.monotonic() - started
    await made.quiescent(_LOAD_SECONDS)
    if theirs:
        left = await made.value("SELECT count(*) FROM crm.companies")
    else:
        left = len(await made.org.query("SELECT Id FROM Account"))
    return ROWS - int(left), seconds


async def _empty_the_org(made: World) -> None:
    ids = [record["Id"] for record in await made.org.query("SELECT Id FROM Account")]

    def delete(part: list[str], client: Any) -> None:
        found = client.restful("composite/sobjects", params={"ids": ",".join(part)}, method="DELETE")
        assert all(result["success"] for result in found), found

    await made.org.talk(partial(delete, ids))
