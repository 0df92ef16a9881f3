"""Running one coroutine as the process: the event loop, and a stack of every thread should it be aborted."""

import asyncio
import faulthandler
import gc
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Callable[[], Coroutine[Any, Any, int]], *, debug: bool = False) -> int:
    """Run `main` on a new event loop and give back its exit status. What it raises goes up as it is.

    A watchdog ends a stuck process by SIGABRT: faulthandler then writes where each thread stood.
    """
    gc.enable()
    gc.freeze()  # what is loaded by now stays for ever: no need to look through it at every collection
    if not faulthandler.is_enabled():
        faulthandler.enable(file=sys.__stderr__ or 2)
    with asyncio.Runner(debug=debug, loop_factory=_loop_factory()) as runner:
        return runner.run(main())


def run_for(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run one piece of work of a command on a plain event loop and give back its result."""
    with asyncio.Runner() as runner:
        return runner.run(work())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop, where it is installed: it is not made for every platform."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
