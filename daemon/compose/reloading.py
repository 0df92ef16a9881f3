"""Another configuration for the daemon that runs: checked on both sides, and put in force between two batches, or not at all."""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog

from daemon.compose.assembly import Daemon, tell_reload
from daemon.compose.sharing import shared_links
from daemon.compose.start import same_pairs
from daemon.domain.failure import (
    CallFailedError,
    ConfigurationError,
    IsthmusError,
    RefusedError,
    TryLaterError,
)
from daemon.domain.mapping import Step, Steps
from daemon.flow.drift.watch import PATIENCE, SchemaWatch
from daemon.runtime.shutdown import on_a_terminal
from daemon.settings.changes import Changes, changes
from daemon.settings.models import Settings
from daemon.settings.resolution.holding import resolve_holding
from daemon.settings.resolve import wanted_objects, wanted_tables

log = structlog.get_logger(__name__)

FORMER_BATCHES: Final = 20.0
"""Seconds to wait for the last batch under former steps, before the triggers of removed ones go."""
_WHOLE: Final = frozenset(
    {"direction", "identify", "pull", "push", "salesforce", "postgres", "defaults", "filters"}
)
"""Keys of a step whose change may concern records that nobody has told of since."""


class Reloading:
    """The files of a running daemon. `reread` gives what they say now; `watch` keeps the steps in force."""

    def __init__(self, daemon: Daemon, watch: SchemaWatch, reread: Callable[[], Settings]) -> None:
        self._daemon = daemon
        self._watch = watch
        self._reread = reread
        self._turn = asyncio.Lock()

    def diff(self) -> Mapping[str, Any]:
        """What the files would change now. Raises SettingsError."""
        return _shown(changes(self._daemon.settings, self._reread()))

    async def reload(self) -> Mapping[str, Any]:
        """Put what the files say in force; what that changed. Where it fails nothing changes. Raises IsthmusError or CallFailedError."""
        async with self._turn:
            try:
                found = await self._in_time(self._reread())
            except (IsthmusError, CallFailedError) as error:
                self._tell(str(error) if isinstance(error, CallFailedError) else ": ".join(error.lines()[:2]))
                raise
            self._tell(None)
            return _shown(found)

    async def _in_time(self, settings: Settings) -> Changes:
        """The same as `_take_up`; TryLaterError where a side takes too long to say what it has."""
        try:
            return await self._take_up(settings)
        except TimeoutError as error:
            raise TryLaterError(
                "the configuration was not taken up",
                f"Salesforce or PostgreSQL took longer than {PATIENCE:.0f} s to describe what it has",
                "try again: isthmus config reload",
            ) from error

    async def _take_up(self, settings: Settings) -> Changes:
        found = changes(self._daemon.settings, settings)
        _refuse(found)
        if not self._daemon.lease.epoch:
            raise RefusedError(
                "this daemon does not lead", "it changes nothing", "ask the one that leads: --api URL"
            )
        if found:
            async with self._daemon.parts.in_force.changing:
                await self._watch.adopt(
                    lambda seen, known: resolve_holding(settings, seen.objects, seen.tables, known),
                    (wanted_objects(settings), wanted_tables(settings)),
                    self._capture,
                    _touched(settings, found),
                    lambda seen, known: resolve_holding(
                        settings, seen.objects, seen.tables, known, _acting(found)
                    ),
                )
            self._daemon.settings = settings
            await self._let_go(found.removed)
        log.info("configuration_in_force", **_shown(found))
        return found

    async def _capture(self, steps: Steps) -> None:
        """Triggers as the steps need them, before any of them is in force. Raises ConfigurationError where they are not.

        A step that went and is back under its name must be of the same object and table: RefusedError otherwise.
        """
        await same_pairs(self._daemon.sides.pool, steps)
        await shared_links(self._daemon).prepare(steps)
        database, ours = self._daemon.sides.database, self._differing(steps)
        with suppress(IsthmusError):  # the role may not; somebody else may have installed them
            await database.capture_install(ours)
        if problems := await database.capture_check(ours):
            raise ConfigurationError(
                "capture is not complete, so local changes would not be seen",
                "; ".join(f"{problem.table}: {problem.what}" for problem in problems),
                "run: isthmus capture install   (it prints the SQL first with: isthmus capture plan), then reload",
            )

    def _differing(self, steps: Steps) -> Sequence[Step]:
        known = self._daemon.parts.steps.by_name
        return [step for step in steps.ordered if step != known.get(step.name)]

    async def _let_go(self, names: Sequence[str]) -> None:
        """The triggers of removed steps: without them nothing is stored that nobody takes up. What fails here is tried again each minute."""
        if not names:
            return
        if not await self._daemon.parts.in_force.alone(FORMER_BATCHES):
            log.info("capture_stays", steps=names, why="a batch under the former steps is still under way")
            return
        try:
            await self._daemon.sides.database.capture_remove(names)
        except (IsthmusError, CallFailedError) as error:
            log.warning(
                "capture_not_removed", steps=names, why=str(error), fix="isthmus capture remove --step STEP"
            )

    def _tell(self, refused: str | None) -> None:
        self._daemon.refused = refused
        tell_reload(self._daemon.meter, self._daemon.clock.now(), done=refused is None)
        if refused is not None:
            log.error("configuration_refused", why=refused, fix="isthmus config check")


def hangups() -> asyncio.Event:
    """An event that SIGHUP sets. With a terminal SIGHUP means that it was closed, and the process ends as before."""
    rung = asyncio.Event()
    if not on_a_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, rung.set)
    return rung


async def reload_on_hangup(reloading: Reloading, rung: asyncio.Event) -> None:
    """Take up the files at each SIGHUP, for ever."""
    while True:
        await rung.wait()
        rung.clear()
        with suppress(IsthmusError, CallFailedError):  # told by `reload`, in the log and in the status
            await reloading.reload()


def _touched(settings: Settings, found: Changes) -> dict[str, bool]:
    """The steps whose pairs are to be compared, and whether what is new on either side comes in as well.

    What changed of a table that speaks for another step's records is compared with that step.
    """
    through = {s.name: s.postgres.through.step for s in settings.steps if s.postgres.through is not None}
    touched = dict.fromkeys(found.added, True) | {n: bool(_WHOLE & {*k}) for n, k in found.changed.items()}
    own = {name: whole for name, whole in touched.items() if name not in through}
    return {**{through[name]: False for name in touched if name in through}, **own}


def _acting(found: Changes) -> frozenset[str]:
    """The steps whose actions are new or others."""
    return frozenset(name for name, keys in found.changed.items() if "actions" in keys)


def _refuse(found: Changes) -> None:
    if found.restart:
        raise RefusedError(
            f"{', '.join(found.restart)} cannot be changed while the daemon runs",
            "only steps, filters and defaults can; nothing was changed",
            "restart the daemon to take the whole file up",
        )
    if found.moved:
        raise RefusedError(
            f"the step {', '.join(found.moved)} names another object or table",
            "its links belong to the former ones",
            "give the new pair a step with a name of its own",
        )


def _shown(found: Changes) -> dict[str, Any]:
    return {
        "added": list(found.added),
        "removed": list(found.removed),
        "changed": {name: list(keys) for name, keys in found.changed.items()},
        "restart": list(found.restart),
    }
