"""The installed command with one failpoint armed: `python armed.py TRAP ARGUMENTS…`, TRAP being a JSON document.

This is the only way to arm one. The command itself has no flag, no setting and no environment variable for it, and the
distribution does not contain this file. As the trap springs, a line of the log says so.
"""

import json
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any
from unittest.mock import patch

from adapters.memory.failpoints import Action, ArmedFailpoints, Trap
from daemon.cli.app import main
from daemon.compose import daemon
from daemon.ports.failpoints import Failpoint
from daemon.runtime.clock import SystemClock

SPRUNG = "failpoint.sprung"


def written(trap: Trap) -> str:
    """A trap as an argument."""
    after = [point.value for point in trap.after]
    return json.dumps(
        {
            "point": trap.point.value,
            "action": trap.action.value,
            "after": after,
            "nth": trap.nth,
            "seconds": trap.seconds,
        }
    )


def read(text: str) -> Trap:
    """A trap as `written` wrote it."""
    given: Mapping[str, Any] = json.loads(text)
    return Trap(
        Failpoint(given["point"]),
        Action(given["action"]),
        tuple(Failpoint(point) for point in given["after"]),
        given["nth"],
        given["seconds"],
    )


def _tell(trap: Trap) -> None:
    print(json.dumps({"event": SPRUNG, "point": trap.point.value}), file=sys.stderr, flush=True)


if __name__ == "__main__":
    armed = ArmedFailpoints(read(sys.argv[1]), SystemClock(), _tell)
    with patch.object(daemon, "run_daemon", partial(daemon.run_daemon, failpoints=armed)):
        sys.exit(main(sys.argv[2:]))
