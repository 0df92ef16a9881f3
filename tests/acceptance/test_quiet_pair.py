"""A change on either side of a pair at rest causes one write on the other side, and nothing after it: no echo."""

import time
from typing import Any

from tests.support.world import World
from tests.support.world_program import until

WATCHED_SECONDS = 10.0

_COUNTER = """
CREATE TABLE public.written (at timestamptz DEFAULT clock_timestamp(), name text, by_us boolean);
CREATE FUNCTION public.count_writes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.written (name, by_us) VALUES (NEW.name, current_setting('isthmus.applying', true) = 'on');
    RETURN NULL;
END $$;
CREATE TRIGGER count_writes AFTER INSERT OR UPDATE ON crm.companies FOR EACH ROW EXECUTE FUNCTION public.count_writes();
"""


async def _events(world: World) -> int:
    """Changes that the org ever committed: each save sends an event, even one that changes no value."""
    state: dict[str, Any] = await world.org.control("GET", "state?objects=Organization")
    return int(state["events"])


async def test_one_change_is_one_write_on_the_other_side_and_silence_after_it(running: World) -> None:
    await running.execute(_COUNTER)
    await running.execute("INSERT INTO crm.companies (name) VALUES ('changed here'), ('changed there')")
    keys = {row["name"]: row["id"] for row in await running.fetch("SELECT id, name FROM crm.companies")}
    here = await running.sf_id("companies", str(keys["changed here"]))
    there = await running.sf_id("companies", str(keys["changed there"]))
    await running.quiescent()
    versions = {
        row["id"]: row["xmin"] for row in await running.fetch("SELECT id, xmin::text FROM crm.companies")
    }
    events = await _events(running)
    await running.execute("DELETE FROM public.written")
    await running.org.control("DELETE", "requests")

    await running.execute("UPDATE crm.companies SET site = 'north' WHERE id = $1", keys["changed here"])
    await running.org.talk(lambda client: client.Account.update(there, {"Site": "south"}))
    begun = time.monotonic()

    async def arrived() -> bool:
        site = await running.value("SELECT site FROM crm.companies WHERE id = $1", keys["changed there"])
        return bool(site == "south" and await running.org.one("Account", here, "Site") == "north")

    await until(arrived, "both changes arrive")

    async def watched() -> bool:
        return time.monotonic() - begun >= WATCHED_SECONDS

    await until(watched, "the watch is over", WATCHED_SECONDS + 5, every=0.5)

    written = await running.fetch(
        "SELECT name, coalesce(by_us, false) AS by_us FROM public.written ORDER BY at"
    )
    assert written == [
        {"name": "changed here", "by_us": False},
        {"name": "changed there", "by_us": True},
    ]
    after = {
        row["id"]: row["xmin"] for row in await running.fetch("SELECT id, xmin::text FROM crm.companies")
    }
    assert {key for key in after if after[key] != versions[key]} == set(keys.values())
    assert await _events(running) - events == 2, "our own save and the daemon's, and no other"
    writes = await running.org.writes()
    assert len(writes) == 2, writes
