"""Creates whose reply is lost: the flow itself on virtual time, and an org that does the work and hangs up."""

import asyncio
from collections.abc import Sequence
from functools import partial

from tests.prove.figure import Seen, Stage
from tests.simulation.history import Play, played

LOST = 10_000
_ROWS_A_HISTORY = 80
_LOST_REPLY, _LOST_REQUEST = 0.5, 0.1
_SHOWN = 10


class Creating(Play):
    """A history in which the application inserts rows and edits some of them, and every other write goes unanswered."""

    async def _users(self) -> None:
        self.weather.calm()
        self.weather.lost_reply, self.weather.lost_request = _LOST_REPLY, _LOST_REQUEST
        self.weather.lag, self.weather.stream_lag = 0.2, 1.0
        for _ in range(_ROWS_A_HISTORY):
            await asyncio.sleep(self.rng.choice((0.0, 0.02, 0.1, 0.5)))
            self.note("insert", await self._pg_insert())
            if self.rng.random() < 0.2:
                self.note("update", await self._pg_update())


def creating(seed: int) -> Creating:
    """One such history, played to its end."""
    return played(partial(Creating, seed))


async def lost_reply_creates(stage: Stage) -> Seen:
    """Histories until that many creates have lost their reply."""
    return await asyncio.to_thread(_lost_reply_creates, stage)


def _lost_reply_creates(stage: Stage) -> Seen:
    wanted, lost, seed, doubled = stage.size(LOST, 50), 0, stage.seed, 0
    broken: list[str] = []
    while lost < wanted:
        history = creating(seed)
        lost += _creates_without_reply(history.trace)
        doubled += max(0, history.org.sync_creates - history.inserts)
        broken += [f"seed {seed}: {violation}" for violation in history.broken]
        seed += 1
        stage.progress(min(lost, wanted), wanted)
    figure = f"{lost:,} creates lost their reply: {doubled} duplicates, {len(broken)} failed oracles"
    return Seen(figure, not doubled and not broken, tuple(broken[:_SHOWN]))


def _creates_without_reply(trace: Sequence[tuple[object, ...]]) -> int:
    """How many records were made in calls whose reply was lost: the lines of a call's writes stand right before that line."""
    lost = made = 0
    for _, what, *rest in trace:
        if what == "write" and rest[0] == "create":
            made += rest[-1] == "done"
        else:
            lost += made if (what, *rest) == ("reply", "lost") else 0
            made = 0
    return lost
