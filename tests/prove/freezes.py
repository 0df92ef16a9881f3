"""Two daemons on one database: the leader freezes and thaws, again and again, while both sides are written to."""

import asyncio
import json
import random
import signal
import time

from tests.prove.figure import Seen, Stage
from tests.prove.load import under_load
from tests.support.world import World, world
from tests.support.world_oracles import HISTORY, judge, judge_state
from tests.support.world_program import Program
from tests.support.world_traffic import Traffic

SECONDS = 300.0
WORLDS = 2
TAKE_OVER_SECONDS = 20.0
_REST_SECONDS = 90.0

COMMITS = """
CREATE TABLE public.commits (backend integer, began timestamptz, epoch integer, PRIMARY KEY (backend, began, epoch));
CREATE FUNCTION public.note_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.commits
    SELECT a.pid, a.backend_start, l.epoch FROM pg_stat_activity AS a, isthmus.lease AS l WHERE a.pid = pg_backend_pid()
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER note_commit AFTER INSERT OR UPDATE ON isthmus.link
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.note_commit();
CREATE CONSTRAINT TRIGGER note_commit AFTER INSERT OR UPDATE ON isthmus.position
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.note_commit();
"""
"""As each transaction commits: whose connection it is, and which epoch holds then. A daemon has one epoch in all its life."""


async def freezes(stage: Stage) -> Seen:
    """Cycles for as long as the run gives them, in two worlds at a time."""
    seconds = stage.size(SECONDS, 1.0)
    begun = time.monotonic()
    taken: list[float] = []
    stale = [0]
    failed: list[str] = []
    async with world(stage.databases(), stage.room("template")):
        """The database that the others are copied from is made once, before two want it."""

    async def one(number: int) -> None:
        async with world(stage.databases(), stage.room(f"world{number}")) as made:
            traffic = Traffic(made, random.Random(stage.seed + number))
            await _prepare(made, traffic)
            async with under_load(traffic):
                while True:
                    taken.append(await _cycle(made))
                    stage.progress(min(seconds, round(time.monotonic() - begun)), seconds)
                    if time.monotonic() - begun > seconds:
                        break
            stale[0] += await _stale(made)
            try:
                await made.quiescent(_REST_SECONDS)
                await judge(made, traffic)
                await judge_state(made)
            except AssertionError as error:
                failed.append(f"seed {stage.seed + number}: {str(error)[:1500]}")

    async with asyncio.TaskGroup() as group:
        for number in range(stage.size(WORLDS, 1)):
            group.create_task(one(number))
    figure = (
        f"{len(taken)} cycles: {stale[0]} commits under a stale epoch, take-over within {max(taken):.1f} s, "
        f"{len(failed)} failed oracles"
    )
    return Seen(figure, not stale[0] and max(taken) <= TAKE_OVER_SECONDS and not failed, tuple(failed))


async def _prepare(made: World, traffic: Traffic) -> None:
    await made.execute(HISTORY)
    await made.execute(COMMITS)
    await traffic.populate(10, 15, 5)
    await made.start()
    await made.quiescent()
    await traffic.meet()


async def _cycle(made: World) -> float:
    """The leader freezes, its standby takes over, the leader thaws and ends; seconds of the take-over."""
    first = made.daemon
    assert first is not None
    second = made.launch("--standby")
    await second.logged("standing_by", 30)
    first.signal(signal.SIGSTOP)
    started = time.monotonic()
    await second.logged("ready", TAKE_OVER_SECONDS * 2)
    seconds = time.monotonic() - started
    first.signal(signal.SIGCONT)
    assert await first.ended(40) != 0, first.tail()
    made.daemon = second
    await _serves(made, second)
    return seconds


async def _serves(made: World, program: Program) -> None:
    listening = await program.logged("http.listening", 20)
    made.api, made.metrics = f"http://{listening['api']}", f"http://{listening['metrics']}"
    status, text = await made.get(f"{made.api}/leaderz")
    assert (status, json.loads(text)["leader"]) == (200, True), text


async def _stale(made: World) -> int:
    """Connections of the daemons' that committed under an epoch after the one that they began with."""
    assert await made.value("SELECT count(DISTINCT epoch) FROM public.commits") > 0
    found: int = await made.value("""
        SELECT count(*) FROM (
            SELECT backend FROM public.commits GROUP BY backend, began HAVING count(DISTINCT epoch) > 1
        ) AS mixed
    """)
    return found
