"""How the process ends when it is asked to.

The first SIGTERM or SIGINT asks: it sets an event, and whoever owns the tasks drains them. From then on both signals
have the kernel's default again, so a second one ends the process at once even if the event loop is stuck, with the
status that a shell shows as 143 or 130. The SIGHUP of a terminal that was closed asks too, unless the process was started
to outlive it (`nohup`); it often comes twice, so a second one is ignored. Without a terminal SIGHUP asks for a reload: whoever can
reload takes the signal over, and until then it is logged and ends nothing. A thread ends the process should the drain itself hang: everything that
matters is in the database in transactions, so ending hard loses nothing, while a service manager that must
kill us reports a failure that was none.
"""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Self

import structlog

DRAIN_SECONDS = 8.0
"""How long tasks may finish what they have in hand before they are cancelled."""

EXIT_SECONDS = 9.5
"""How long after the first signal the process ends whatever still hangs. Kubernetes kills after 30 s by default."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_log = structlog.stdlib.get_logger(__name__)


def on_a_terminal() -> bool:
    """Whether the process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _not_yet() -> None:
    _log.warning("hangup_ignored", reason="this process does not lead yet, so there is nothing to reload")


class StopRequestedError(Exception):
    """The block was given up, because the process was asked to stop."""


class Shutdown:
    """The request to stop, as an event. Use as a context manager around the life of the tasks, inside the loop.

    `limit` is the number of seconds between the request and the hard end, and `end` what ends the process then.
    """

    def __init__(self, *, limit: float = EXIT_SECONDS, end: Callable[[int], object] = os._exit) -> None:
        self.requested = asyncio.Event()
        self._limit = limit
        self._end = end
        self._last_resort: threading.Timer | None = None
        self._scopes: set[asyncio.Timeout] = set()

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            if on_a_terminal():
                loop.add_signal_handler(signal.SIGHUP, self.request, "SIGHUP")
            else:
                loop.add_signal_handler(signal.SIGHUP, _not_yet)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.requested.is_set():
            self._restore()
            self._leave_terminal()
        # The thread is left to run: what comes after this block, closing pools and executors, may hang too.

    def request(self, reason: str = "asked") -> None:
        """Ask the process to stop. More requests change nothing."""
        if self.requested.is_set():
            return
        self.requested.set()
        for scope in self._scopes:
            scope.reschedule(asyncio.get_running_loop().time())
        self._last_resort = threading.Timer(self._limit, self._end, args=(0,))
        self._last_resort.daemon = True
        self._last_resort.start()
        with suppress(OSError):  # whoever read what we print may be gone, and that is often why we stop
            _log.info("stopping", reason=reason)

    @asynccontextmanager
    async def interruptible(self) -> AsyncIterator[None]:
        """Give up the block when the process is asked to stop: for a start that waits for others, with nothing to drain.

        The block is cancelled, and StopRequestedError is raised from it.
        """
        if self.requested.is_set():
            raise StopRequestedError
        try:
            async with asyncio.timeout(None) as scope:
                self._scopes.add(scope)
                yield
        except TimeoutError:
            if scope.expired():
                raise StopRequestedError from None
            raise
        finally:
            self._scopes.discard(scope)

    def disarm(self) -> None:
        """Call off the hard end: for a caller whose process lives on."""
        if self._last_resort is not None:
            self._last_resort.cancel()

    def _on_signal(self, number: signal.Signals) -> None:
        self._restore()
        self.request(number.name)

    def _restore(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    def _leave_terminal(self) -> None:
        if asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP):
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
