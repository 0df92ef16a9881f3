"""The org is away for half an hour while the application goes on writing: what arrives, and how many calls that takes.

Each change is of a row of its own, so that the backlog grows with the outage, as it does where many people work.
"""

import asyncio
import time
from collections import Counter

from tests.faults.between import Between, between
from tests.prove.figure import Seen, Stage
from tests.support.world import World

OUTAGE_SECONDS, CHANGES_A_SECOND = 1800.0, 20
MOST = 1.2
_REST_SECONDS = 900.0
_SLOWEST_WRITE = 1.0
_PULSE = 1.0


async def outage(stage: Stage) -> Seen:
    """First what the same changes cost a daemon that was stopped meanwhile, which is the ideal; then the outage itself."""
    seconds = stage.size(OUTAGE_SECONDS, 3.0)
    async with between(stage.databases(), stage.room("world")) as net:
        made = net.world
        await made.execute("CREATE INDEX ON crm.companies (marker)")
        await made.execute(
            "INSERT INTO crm.companies (name, marker) SELECT 'n', 'row ' || n FROM generate_series(0, $1) AS n",
            int(seconds * CHANGES_A_SECOND) - 1,
        )
        await made.quiescent(_REST_SECONDS)
        ideal = await _ideal(net, seconds)
        calls, slowest, recovered = await _outage(stage, net, seconds)
        lost = await _lost(made)
    made_, wanted = calls.total(), ideal.total()
    figure = (
        f"{lost} of {int(seconds * CHANGES_A_SECOND):,} changes lost; {made_} calls for {wanted} of the ideal "
        f"({made_ / wanted:.2f}); drained {recovered:.0f} s after the org came back; slowest write of the application {slowest:.2f} s"
    )
    kept = not lost and made_ <= MOST * wanted and slowest <= _SLOWEST_WRITE
    return Seen(figure, kept, (f"calls: {_told(calls)}", f"of the ideal: {_told(ideal)}"))


async def _ideal(net: Between, seconds: float) -> Counter[str]:
    """Calls of a daemon that finds all the changes waiting when it starts."""
    made = net.world
    made.kill()
    await _write(made, seconds, pause=0.0)
    await made.org.control("DELETE", "requests")
    await made.start()
    await made.quiescent(_REST_SECONDS)
    return await _calls(made)


async def _outage(stage: Stage, net: Between, seconds: float) -> tuple[Counter[str], float, float]:
    """Calls that the org heard, the slowest write of the application in seconds, and seconds until everything had arrived."""
    made = net.world
    await made.org.control("DELETE", "requests")
    await made.org.control("POST", "faults", {"action": "answer", "status": 503})
    begun = asyncio.create_task(_tell(stage, seconds))
    slowest = await _write(made, seconds, pause=_PULSE)
    await begun
    await made.org.control("DELETE", "faults")
    back = time.monotonic()
    await made.quiescent(_REST_SECONDS)
    return await _calls(made), slowest, time.monotonic() - back


async def _tell(stage: Stage, seconds: float) -> None:
    for second in range(int(seconds)):
        stage.progress(second, seconds)
        await asyncio.sleep(1.0)


async def _write(made: World, seconds: float, *, pause: float) -> float:
    """The application's changes, so many a second; the slowest of its statements in seconds."""
    slowest = 0.0
    for second in range(int(seconds)):
        for number in range(CHANGES_A_SECOND):
            row = second * CHANGES_A_SECOND + number
            started = time.monotonic()
            await made.execute(
                "UPDATE crm.companies SET site = 's' || clock_timestamp() WHERE marker = $1", f"row {row}"
            )
            slowest = max(slowest, time.monotonic() - started)
        await asyncio.sleep(pause)
    return slowest


async def _calls(made: World) -> Counter[str]:
    """REST calls that the org heard, by what they asked; long polls and what only reads the state of the test are not among them."""
    served = (await made.org.control("GET", "requests"))["requests"]
    return Counter(
        f"{entry['method']} {_resource(entry['path'])} {entry['status']}"
        for entry in served
        if entry["kind"] not in ("cometd", "oauth")
    )


def _resource(path: str) -> str:
    """The part of a path that says what is asked, without a version, ids and queries."""
    parts = [part for part in path.partition("?")[0].split("/") if part and part not in ("services", "data")]
    return "/".join(part for part in parts[1:4] if not any(letter.isdigit() for letter in part))


def _told(calls: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in calls.most_common())


async def _lost(made: World) -> int:
    rows = {row["marker"]: row["site"] for row in await made.fetch("SELECT marker, site FROM crm.companies")}
    records = await made.org.query("SELECT AccountNumber, Site FROM Account")
    there = {record["AccountNumber"]: record["Site"] for record in records}
    return sum(there.get(marker) != site for marker, site in rows.items())
