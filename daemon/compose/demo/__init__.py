"""`isthmus demo`: a PostgreSQL, an emulated org, and the daemon between them as a process of its own.

Everything but the data is what a user would run: the configuration is a file, and the daemon is the installed command.
"""

import sys
from asyncio import timeout
from pathlib import Path

from daemon.compose.demo.check import check_both_sides
from daemon.compose.demo.processes import complete
from daemon.compose.demo.screen import Screen
from daemon.compose.demo.show import show
from daemon.compose.demo.stage import Stage, open_stage
from daemon.compose.demo.statements import STATEMENTS
from daemon.domain.failure import TryLaterError
from daemon.runtime.clock import SystemClock
from daemon.runtime.logs import configure_logs
from daemon.runtime.redaction import Redaction
from daemon.runtime.shutdown import Shutdown, StopRequestedError

_LOAD_SECONDS = 60.0
_INTERRUPTED = 130

__all__ = ["run_demo"]


async def run_demo(*, check: bool, database: str | None, keep: Path | None) -> int:
    """Show the sync live until Ctrl-C; with `check` play a scenario instead and give 0 or 1.

    `database` is the address of an empty database to use, `keep` a folder in which everything stays. Raises IsthmusError.
    """
    configure_logs(style="console", level="warning", redaction=Redaction(), stream=sys.stderr)
    screen = Screen(SystemClock())
    screen.say("Two systems that know nothing of each other:", "bold")
    with Shutdown() as shutdown:
        try:
            async with shutdown.interruptible(), open_stage(database, keep, screen.done) as stage:
                await _raise_curtain(stage, screen)
                if check:
                    return await check_both_sides(stage, screen)
                await show(stage, screen)
        except StopRequestedError:
            if check:
                return _INTERRUPTED
            screen.say("\nEverything is stopped.")
        finally:
            shutdown.disarm()
    return 0


async def _raise_curtain(stage: Stage, screen: Screen) -> None:
    """From two systems that know nothing of each other to two that agree."""
    clock, begin = stage.clock, stage.clock.monotonic()
    screen.say("Isthmus between them:", "bold")
    configured = ("-c", str(stage.configuration))
    await complete(*configured, "migrate")
    screen.done("isthmus migrate: the schema isthmus", clock.monotonic() - begin)
    begin = clock.monotonic()
    await complete(*configured, "--quiet", "capture", "install")
    screen.done(
        "isthmus capture install: the triggers on crm.companies and crm.people", clock.monotonic() - begin
    )
    begin = clock.monotonic()
    await stage.start_daemon()
    screen.done(f"isthmus run: process {stage.daemon.pid}", clock.monotonic() - begin)
    begin = clock.monotonic()
    await _first_load(stage, screen)
    (counts,) = await stage.console.rows(STATEMENTS["counts"])
    screen.done(
        f"the first load: {counts['companies']} companies and {counts['people']} people in step,"
        f" {counts['conflicts']} differences decided, {counts['parked']} records parked",
        clock.monotonic() - begin,
    )
    for row in await stage.console.rows(STATEMENTS["parked"]):
        screen.say(f"  parked {row['step']} {row['key']}: {row['code']}: {row['message']}", "yellow")
        screen.say(f"         do: {row['advice']}", "yellow")


async def _first_load(stage: Stage, screen: Screen) -> None:
    try:
        async with timeout(_LOAD_SECONDS):
            await screen.load(lambda: stage.console.rows(STATEMENTS["load_progress"]), stage.settled)
    except TimeoutError:
        raise TryLaterError(
            f"the first load was not done after {_LOAD_SECONDS:g} s",
            f"the daemon's log is {stage.folder / 'daemon.log'}",
            "run the demo with --keep DIR and read that log",
        ) from None
