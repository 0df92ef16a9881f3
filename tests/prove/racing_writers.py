"""Sixteen writers race on few rows: each committed update is captured in its own transaction, and reaches Salesforce in order or within a later one."""

import asyncio
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.prove.figure import Seen, Stage
from tests.support.plain_client import OrgAddress, PlainClient, PlainStream, body, header
from tests.support.world import World, world

WRITERS = 16
SECONDS = 60.0
_HOT, _ROWS = 5, 200
_ROLLED_BACK = 0.05
_LONGEST = 0.02
_DEADLINE = 20.0
_REST_SECONDS = 120.0

ORDER = """
CREATE TABLE public.written (number bigint GENERATED ALWAYS AS IDENTITY, marker text, site text);
CREATE FUNCTION public.write_down() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO public.written (marker, site) VALUES (NEW.marker, NEW.site); RETURN NULL; END';
CREATE TRIGGER write_down AFTER UPDATE OF site ON crm.companies FOR EACH ROW EXECUTE FUNCTION public.write_down();
"""
"""Numbers are drawn under the row's lock, so those of one row are in the order in which its values came to be."""


@dataclass(slots=True)
class Race:
    """What the writers have done."""

    dsn: str
    until: float
    committed: int = 0
    uncaptured: int = 0
    tokens: int = 0
    failed: list[str] = field(default_factory=list)

    async def write(self, rng: random.Random) -> None:
        """One writer, one transaction after the other."""
        connection = await asyncpg.connect(self.dsn, timeout=_DEADLINE)
        try:
            while time.monotonic() < self.until:
                await self._one(connection, rng)
        finally:
            await connection.close(timeout=_DEADLINE)

    async def _one(self, connection: "asyncpg.Connection[asyncpg.Record]", rng: random.Random) -> None:
        """One to three rows, always in one order, so that no writers wait for each other in a circle."""
        rows = sorted({_row(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))})
        transaction = connection.transaction()
        await transaction.start()
        for row in rows:
            self.tokens += 1
            await connection.execute(
                "UPDATE crm.companies SET site = $2 WHERE marker = $1",
                f"row {row}",
                f"s{self.tokens}",
                timeout=_DEADLINE,
            )
        captured = await connection.fetchval(
            "SELECT count(*) FROM isthmus.change WHERE transaction = pg_current_xact_id()", timeout=_DEADLINE
        )
        await asyncio.sleep(rng.random() * _LONGEST)
        if rng.random() < _ROLLED_BACK:
            await transaction.rollback()
            return
        await transaction.commit()
        self.committed += len(rows)
        self.uncaptured += len(rows) - captured


def _row(rng: random.Random) -> int:
    return rng.randrange(_HOT) if rng.random() < 0.5 else rng.randrange(_ROWS)


async def racing_writers(stage: Stage) -> Seen:
    """The race, then rest, then what arrived held against what was committed."""
    seconds = stage.size(SECONDS, 1.5)
    async with world(stage.databases(), stage.room("world")) as made:
        await made.execute(
            "INSERT INTO crm.companies (name, marker) SELECT 'n', 'row ' || n FROM generate_series(0, $1) AS n",
            _ROWS - 1,
        )
        await made.execute(ORDER)
        await made.start()
        await made.quiescent(_REST_SECONDS)
        race = Race(made.dsn, time.monotonic() + seconds)
        async with asyncio.TaskGroup() as group:
            for number in range(WRITERS):
                group.create_task(race.write(random.Random(stage.seed + number)))
            group.create_task(_tell(stage, race, seconds))
        await made.quiescent(_REST_SECONDS)
        return await _held_against(made, race, seconds)


async def _tell(stage: Stage, race: Race, seconds: float) -> None:
    while (left := race.until - time.monotonic()) > 0:
        stage.progress(round(seconds - left), seconds)
        await asyncio.sleep(min(1.0, left))


async def _held_against(made: World, race: Race, seconds: float) -> Seen:
    written: dict[str, list[str]] = defaultdict(list)
    for line in await made.fetch("SELECT marker, site FROM public.written ORDER BY number"):
        written[line["marker"]].append(line["site"])
    committed = sum(map(len, written.values()))
    told = await _delivered(made)
    late = [marker for marker, values in written.items() if told[marker][-1:] != values[-1:]]
    disordered = [marker for marker, values in written.items() if not _in_order(told[marker], values)]
    events = sum(map(len, told.values()))
    kept = committed == race.committed and not race.uncaptured and not late and not disordered
    figure = (
        f"{committed:,} updates committed in {seconds:g} s, {race.uncaptured} not captured; {events:,} delivered, the others "
        f"within a later one; {len(late)} rows not at their last value, {len(disordered)} out of order"
    )
    return Seen(figure, kept and committed > 0, (*late[:5], *disordered[:5]))


def _in_order(told: list[str], written: list[str]) -> bool:
    """Whether what was told is what was written, in its order, with nothing but omissions."""
    rest = iter(written)
    return all(value in rest for value in told)


async def _delivered(made: World) -> dict[str, list[str]]:
    """The values that each row's record held, one after the other, as a subscriber hears them who has no part in this."""
    facts: dict[str, Any] = {name: made.org.facts[name] for name in OrgAddress.__annotations__}
    told: dict[str, list[str]] = defaultdict(list)
    records = await made.org.query("SELECT Id, AccountNumber FROM Account")
    markers = {record["Id"]: str(record["AccountNumber"]) for record in records}
    async with PlainClient(OrgAddress(**facts)) as client:
        stream = await PlainStream(client).open()
        answer = await stream.subscribe("/data/AccountChangeEvent", -2)
        assert answer["successful"], answer
        end = await client.create("Account", Name="the end")
        while True:
            for answer in (await stream.connect())[:-1]:
                ids, values = header(answer["data"])["recordIds"], body(answer["data"])
                if end in ids:
                    return told
                if "Site" in values:
                    for record in ids:
                        told[markers[record]].append(values["Site"])
