"""How a cell is played: the daemon meets its trap in the middle of work, and begins again by itself or by its manager."""

import asyncio
import random
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from adapters.memory.failpoints import Action
from tests.faults.cells import Cell, Scene
from tests.support import armed
from tests.support.world import READY_SECONDS, World
from tests.support.world_oracles import HISTORY, judge, judge_state
from tests.support.world_program import LateError, Program, until
from tests.support.world_traffic import Traffic

SPRING_SECONDS = 40.0
END_SECONDS = 20.0
"""A process that a trap has ended, in whatever way, is gone by then."""
REST_SECONDS = 60.0
"""The bar: both sides agree a minute after the last fault."""

CELL_SECONDS = 240.0
_MOST_STARTS = 4


@dataclass(slots=True)
class Play:
    """One cell in one world."""

    world: World
    traffic: Traffic
    cell: Cell
    sentinels: int = 0

    async def perform(self) -> None:
        """From the beginning to the judgement."""
        await self._prepare()
        program = await self._meet_the_trap()
        await self.traffic.both(6, 6)  # whatever the daemon is doing now
        await self._until_it_lives(program)
        await self.traffic.both(6, 6)
        await self.world.quiescent(REST_SECONDS)
        await judge(self.world, self.traffic)
        await judge_state(self.world)

    # -- the scene

    async def _prepare(self) -> None:
        """Everything before the trap is set."""
        scene = self.cell.place.scene
        await self.world.execute(HISTORY)
        await self.traffic.populate(5, 8, 4)
        if scene in (Scene.INSTALL, Scene.FIRST_LOAD, Scene.BEGIN):
            return
        await self.world.start()
        await self.world.quiescent()
        await self.traffic.meet()
        await self._stop()
        if scene is Scene.LOST_POSITION:
            await self.traffic.both(10, 10)
            await self.traffic.delete_records(3)
            await self.world.org.control("POST", "replay/expire", {"keep": 0})

    async def _stop(self) -> None:
        assert self.world.daemon is not None
        self.world.daemon.signal(signal.SIGTERM)
        assert await self.world.daemon.ended(END_SECONDS) == 0

    async def _meet_the_trap(self) -> Program:
        """Start a daemon with the trap, and give it what leads it there."""
        arguments = ("--migrate",) if self.cell.place.scene is Scene.INSTALL else ()
        program = self.world.launch(*arguments, by=_by(self.cell))
        self.world.daemon = program
        if self.cell.place.scene in (Scene.LIVE, Scene.LOGIN, Scene.END):
            await self.world.ready()
            await self.traffic.both(8, 8)
        if self.cell.place.scene is Scene.LOGIN:
            await self.world.org.expire_sessions()
            await self.traffic.both(4, 4)
        if self.cell.place.scene is Scene.END:
            program.signal(signal.SIGTERM)
        await until(self._sprung, f"the trap springs: {self.cell}", SPRING_SECONDS)
        return program

    async def _sprung(self) -> bool:
        program = self.world.daemon
        assert program is not None
        if any(entry.get("event") == armed.SPRUNG for entry in program.entries()):
            return True
        if program.status is not None:
            raise LateError(f"it ended before the trap of {self.cell}\n{program.tail()}")
        return False

    # -- after it

    async def _until_it_lives(self, program: Program) -> None:
        """A process that has ended is started again, as a service manager would; one that lives must do so well."""
        if self.cell.action is Action.KILL:
            assert await program.ended(END_SECONDS) == -signal.SIGKILL
        if self.cell.place.scene is Scene.END:
            await program.ended(END_SECONDS)
        for _ in range(_MOST_STARTS):
            if await self._lives():
                return
            arguments = ("--migrate",) if self.cell.place.scene is Scene.INSTALL else ()
            self.world.daemon = self.world.launch(*arguments)
        raise LateError(f"it does not come to life again: {self.cell}\n{self.world.tails()}")

    async def _lives(self) -> bool:
        """Whether the daemon that there is comes to serve; False once it has ended."""
        program = self.world.daemon
        assert program is not None
        hangs = self.cell.hang if self.cell.action is Action.HANG else 0.0
        try:
            await self.world.ready(READY_SECONDS + hangs)
        except LateError:
            if program.status is None:
                raise
        return await self._stays(program)

    async def _stays(self, program: Program) -> bool:
        """Whether it comes to rest with what there is to do now; False if it ends instead, which may take it a moment."""
        try:
            await self._both_ways(program)
            await self.world.quiescent(REST_SECONDS)
        except LateError:
            if program.status is None:
                raise
        if program.status is None:
            return True
        asked = self.cell.place.scene is Scene.END
        assert asked or program.status != 0, f"it ended as if it had been asked to: {self.cell}"
        return False

    async def _both_ways(self, program: Program) -> None:
        """A new record and a new row, made now, come across: neither direction has died unnoticed."""
        self.sentinels += 1
        there, here = f"from there {self.sentinels}", f"from here {self.sentinels}"
        await self.world.org.talk(lambda c: c.Account.create({"Name": there, "AccountNumber": there}))
        await self.world.execute("INSERT INTO crm.companies (name, marker) VALUES ($1, $1)", here)

        async def across() -> bool:
            if program.status is not None:
                raise LateError("it has ended")
            rows = await self.world.value("SELECT count(*) FROM crm.companies WHERE marker = $1", there)
            found = await self.world.org.query(f"SELECT Id FROM Account WHERE AccountNumber = '{here}'")
            return bool(rows and found)

        await until(across, f"both directions work: {self.cell}", REST_SECONDS, every=0.1)


def _by(cell: Cell) -> tuple[str, ...]:
    return (sys.executable, str(Path(armed.__file__)), armed.written(cell.trap))


async def play(world: World, cell: Cell) -> None:
    """Play a cell in a world that nobody has used."""
    print(f"{cell}; again: ISTHMUS_CELLS={cell.place.name[:2]} and pytest --randomly-seed={cell.seed}")
    traffic = Traffic(world, random.Random(cell.seed))
    async with asyncio.timeout(CELL_SECONDS):
        await Play(world, traffic, cell).perform()
