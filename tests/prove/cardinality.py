"""Whether hostile input makes metrics multiply: codes, objects, paths and origins that nobody has seen before."""

import re
from functools import partial
from typing import Any

import aiohttp

from tests.prove.figure import Seen, Stage
from tests.support.world import World, world
from tests.support.world_program import until

ROUNDS = 200
_SECONDS = 10.0
_GAUGES_SECONDS = 60.0
_FIRST = 3
"""Rounds after which each kind of series is there: asking for metrics is a request that is counted too."""
_SHOWN = 8
_ONE_AN_OBJECT = "isthmus_salesforce_watermark_timestamp_seconds{"
"""Comes with the watch over the stream, once a minute, for each object of the configuration."""
_SERIES = re.compile(r"^([a-z_]+(?:\{[^}]*\})?) ", re.MULTILINE)


async def cardinality(stage: Stage) -> Seen:
    """Series after one of each kind of input, and after hundreds that are all different."""
    rounds = stage.size(ROUNDS, 5)
    async with world(stage.databases(), stage.room("world")) as made:
        await made.start()
        await made.quiescent()
        for number in range(_FIRST):
            await _hostile(made, number)
            await _settled_series(made)
        await _gauges_have_looked(made)
        before = await _settled_series(made)
        for number in range(_FIRST, _FIRST + rounds):
            await _hostile(made, number)
            stage.progress(number, rounds)
        more = await _settled_series(made) - before
    figure = f"{len(before)} series, {len(more)} more after {rounds} rounds of hostile input"
    return Seen(figure, not more, tuple(sorted(more)[:_SHOWN]))


async def _gauges_have_looked(made: World) -> None:
    """Gauges are read from the database now and then: until they show what is parked on both ways."""

    async def both() -> bool:
        shown = [name for name in await _settled_series(made) if name.startswith("isthmus_parked_records{")]
        return {way for name in shown for way in ("pull", "push") if f'"{way}"' in name} == {"pull", "push"}

    await until(both, "what is parked is shown", _GAUGES_SECONDS, every=0.5)


async def _settled_series(made: World) -> frozenset[str]:
    await made.quiescent(60)
    _, text = await made.get(f"{made.metrics}/metrics")
    return frozenset(name for name in _SERIES.findall(text) if not name.startswith(_ONE_AN_OBJECT))


async def _hostile(made: World, number: int) -> None:
    """An unknown path and method, a refusal with a code that nobody knows, an SQLSTATE of a trigger, an odd event."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session:
        for method, path in (("GET", f"/api/v1/nothing{number}"), (f"HACK{number}", "/api/v1/status")):
            async with session.request(method, made.api + path) as reply:
                assert reply.status >= 400
    code = f"ODD_CODE_{number}"
    refusal = {"action": "refuse_records", "api": "collections", "code": code, "message": code, "times": 1}
    await made.org.control("POST", "faults", refusal)
    await made.execute("INSERT INTO crm.companies (name, marker) VALUES ($1, $1)", f"refused {number}")
    await made.execute(_RAISING.format(code=f"Z{number:04}"))
    await made.org.talk(partial(_create, f"odd {number}"))
    await made.org.control(
        "POST",
        "events/inject",
        {"object": "Account", "changeType": "GAP_UPDATE", "recordIds": [f"001{number:012}"]},
    )
    await made.quiescent(60)


_RAISING = """
    CREATE OR REPLACE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$;
    CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON crm.companies FOR EACH ROW
        WHEN (NEW.marker LIKE 'odd%') EXECUTE FUNCTION public.refuse();
"""


def _create(marker: str, client: Any) -> None:
    client.Account.create({"Name": marker, "AccountNumber": marker})
