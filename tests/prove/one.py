"""One figure, measured in this process: `python -m tests.prove.one ID FOLDER SEED`. Tells of itself in lines of JSON.

`{"done": …, "of": …}` while it is under way; the last line is the figure, with `seconds`. Whatever a measurement raises is a bar that
was missed, told with its reason.
"""

import asyncio
import json
import os
import sys
import time
import traceback
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from tests.prove.figure import Figure, Seen, Stage
from tests.prove.register import FIGURES
from tests.support.databases import Databases, disposable_databases

_TAIL = 25


async def measured(figure: Figure, stage: Stage) -> Seen:
    """What the figure is, or why there is none."""
    try:
        return await figure.measure(stage)
    except Exception as error:  # noqa: BLE001 - whatever it is, the bar was not kept
        notes = traceback.format_exc().splitlines()[-_TAIL:]
        cause: BaseException = error
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        told = str(cause).splitlines() or [""]
        return Seen(f"{type(cause).__name__}: {told[0][:200]}", False, tuple(notes))


def _tell(**line: Any) -> None:
    sys.__stdout__.write(json.dumps(line) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def main(name: str, folder: str, seed: str) -> int:
    """Measure one figure at its full size."""
    for variable in [name for name in os.environ if name.startswith(("ISTHMUS_", "PG"))]:
        del os.environ[variable]  # or a developer's own server would be written to
    figure = next(item for item in FIGURES if item.id == name)
    started = time.monotonic()
    with ExitStack() as stack:

        @cache
        def databases() -> Databases:
            return stack.enter_context(disposable_databases())

        stage = Stage(True, int(seed), Path(folder), databases, lambda done, of: _tell(done=done, of=of))
        sys.stdout = sys.stderr  # what the measured code prints is no line of ours
        seen = asyncio.run(measured(figure, stage))
    _tell(**asdict(seen), seconds=round(time.monotonic() - started, 1))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
