"""A position that the stream has forgotten, and deletions that nobody told of, in a large object; the process dies in the middle of making it good."""

import time
from functools import partial
from typing import Any

from tests.prove.figure import Seen, Stage
from tests.support.world import World, world
from tests.support.world_program import until
from tests.support.world_shape import CRM, Shape

RECORDS, DELETED = 100_000, 1_000
SECONDS = 600.0
_PART = 200
_LOAD_SECONDS = 400.0
_STOP_SECONDS = 20.0
_CLOSED_SECONDS = 30.0


async def lost_position(stage: Stage) -> Seen:
    """Load everything, stop, delete and forget, start, kill half-way, start again, and count what is still there."""
    records, deleted = stage.size(RECORDS, 4_000), stage.size(DELETED, 40)
    shape = Shape(
        f"{CRM.name}_{records}", CRM.tables, f"{CRM.seed}generate: {{Account: {records}}}\n", CRM.steps
    )
    async with world(stage.databases(), stage.room("world"), shape=shape) as made:
        await made.start()
        await made.quiescent(_LOAD_SECONDS)
        assert await made.value("SELECT count(*) FROM crm.companies") == records
        await made.org.talk(_hear_of_one)  # a position is stored with the first event
        await made.quiescent()
        stage.progress(1, 3)
        await _stop(made)
        gone = await _delete(made, deleted)
        await made.org.control("POST", "replay/expire", {"keep": 0})
        started = time.monotonic()
        read = await _killed_half_way(made)
        stage.progress(2, 3)
        resumed_at = await _resumed(made)
        await made.quiescent(_LOAD_SECONDS + SECONDS)
        await until(lambda: _all_closed(made), "every gap is closed", _CLOSED_SECONDS)
        seconds = time.monotonic() - started
        missed = await made.value("SELECT count(*) FROM crm.companies") - (records - deleted)
        open_gaps = await made.value("SELECT count(*) FROM isthmus.gap WHERE closed_at IS NULL")
        tombstones = await made.value("SELECT count(*) FROM isthmus.link WHERE state = 'tombstone'")
        figure = (
            f"{missed} of {len(gone):,} deletions missed in {records:,} records after {seconds:.0f} s; killed with {read:,} read, "
            f"resumed with {resumed_at:,}; {open_gaps} gaps open"
        )
        kept = (missed, tombstones, open_gaps) == (0, deleted, 0) and seconds <= SECONDS
        return Seen(figure, kept and resumed_at >= read > 0)


async def _all_closed(made: World) -> bool:
    return not await made.value("SELECT count(*) FROM isthmus.gap WHERE closed_at IS NULL")


def _hear_of_one(client: Any) -> None:
    record = client.query("SELECT Id FROM Account LIMIT 1")["records"][0]
    client.Account.update(record["Id"], {"Site": "heard"})


async def _stop(made: World) -> None:
    assert made.daemon is not None
    made.daemon.kill()
    assert await made.daemon.ended(_STOP_SECONDS) is not None


async def _delete(made: World, deleted: int) -> list[str]:
    """Delete records here and there; their ids."""
    rows = await made.fetch(
        "SELECT sf_id FROM isthmus.link WHERE step = 'companies' ORDER BY md5(sf_id) LIMIT $1", deleted
    )
    ids = [row["sf_id"] for row in rows]
    assert len(ids) == deleted
    for start in range(0, deleted, _PART):
        await made.org.talk(partial(_delete_together, ids[start : start + _PART]))
    return ids


def _delete_together(ids: list[str], client: Any) -> None:
    results = client.restful("composite/sobjects", params={"ids": ",".join(ids)}, method="DELETE")
    assert all(result["success"] for result in results), results


_READ = """
    SELECT coalesce(max(processed), 0) FROM isthmus.job
    WHERE step = 'companies' AND kind = 'sweep' AND started_at > $1
"""


async def _killed_half_way(made: World) -> int:
    """Start the daemon, and kill it as soon as it has committed some of what it reads; how many records that were."""
    since = await made.value("SELECT clock_timestamp()")
    await made.start()

    async def some() -> int:
        return int(await made.value(_READ, since))

    await until(some, "a part of the object is read again", SECONDS)
    made.kill()
    assert made.daemon is not None
    await made.daemon.ended(_STOP_SECONDS)
    return int(await made.value(_READ, since))


async def _resumed(made: World) -> int:
    """Start the daemon again; the least that its read of the object has ever counted since: less than before means from the start."""
    began = await made.value(_BEGAN)
    await made.start()
    least = int(await made.value(_LEAST))
    return least if await made.value(_BEGAN) == began else 0


_BEGAN = "SELECT started_at FROM isthmus.job WHERE step = 'companies' AND kind = 'sweep'"
_LEAST = "SELECT min(processed) FROM isthmus.job WHERE step = 'companies' AND kind = 'sweep'"
