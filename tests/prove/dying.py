"""The installed command in which one named task dies soon after the daemon is ready: `python dying.py TASK ARGUMENTS…`.

Each task that should live for ever is told of in a line of the log as it is started. The distribution does not contain this file.
"""

import asyncio
import json
import sys
from collections.abc import Coroutine
from typing import Any
from unittest.mock import patch

from daemon.cli.app import main
from daemon.runtime.supervisor import Supervisor

STARTED, DIES = "task.started", "task.dies"
NOBODY = "nobody"
_LIVES_SECONDS = 1.0

_start = Supervisor.start


class DeadTaskError(Exception):
    """A task dies of something that nobody foresaw."""


def _tell(event: str, task: str) -> None:
    print(json.dumps({"event": event, "task": task}), file=sys.stderr, flush=True)


async def _dying(name: str, work: Coroutine[Any, Any, None]) -> None:
    """Live a while as the task would, and then die."""
    try:
        async with asyncio.timeout(_LIVES_SECONDS):
            await work
    except TimeoutError:
        pass
    _tell(DIES, name)
    raise DeadTaskError(name)


def started(victim: str) -> Any:
    """`Supervisor.start`, under which the victim dies."""

    def start(self: Supervisor, name: str, work: Coroutine[Any, Any, None], *, eternal: bool = True) -> None:
        if eternal:
            _tell(STARTED, name)
        _start(self, name, _dying(name, work) if name == victim else work, eternal=eternal)

    return start


if __name__ == "__main__":
    with patch.object(Supervisor, "start", started(sys.argv[1])):
        sys.exit(main(sys.argv[2:]))
