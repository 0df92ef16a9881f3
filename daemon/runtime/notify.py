"""What a service manager is told: systemd's notification protocol, one datagram a message.

systemd documents it in sd_notify(3): a datagram of `KEY=value` lines to the socket named by NOTIFY_SOCKET, where a
leading `@` means the abstract namespace. Without that variable nothing is sent. A message that cannot be sent is
dropped: the daemon must not wait for, nor fail with, the one that watches it.
"""

import os
import socket
from collections.abc import Mapping

import structlog

from daemon.ports.clock import Clock

_log = structlog.stdlib.get_logger(__name__)
_FOREVER = 3600.0


class Notifier:
    """Sends state to the service manager; does nothing if there is none.

    `watchdog_seconds` is the time within which the manager wants to hear from us, None if it does not.
    """

    def __init__(self, address: str | None = None, watchdog_seconds: float | None = None) -> None:
        self._address = _socket_address(address)
        self.watchdog_seconds = watchdog_seconds
        self._complained = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Notifier":
        """From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. A watchdog meant for another process is not ours."""
        address = environ.get("NOTIFY_SOCKET") or None
        wanted = environ.get("WATCHDOG_USEC", "")
        for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        seconds = int(wanted) / 1e6 if wanted.isdecimal() and int(wanted) > 0 and for_us else None
        return cls(address, seconds)

    def ready(self, status: str = "") -> None:
        """The daemon serves."""
        self._send("READY=1", f"STATUS={_line(status)}" if status else "")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={_line(text)}")

    def stopping(self) -> None:
        """The daemon has begun to stop."""
        self._send("STOPPING=1", "STATUS=stopping")

    async def feed_watchdog(self, clock: Clock) -> None:
        """Say that we live at a third of the time asked for, for ever.

        Runs on the event loop on purpose: a loop that is stuck falls silent, and the manager restarts the process.
        """
        while True:
            if self.watchdog_seconds is None:
                await clock.sleep(_FOREVER)
                continue
            self._send("WATCHDOG=1")
            await clock.sleep(self.watchdog_seconds / 3)

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        message = "\n".join(line for line in lines if line).encode()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(message, self._address)
        except OSError as error:
            if not self._complained:
                self._complained = True
                _log.warning("notify.failed", error=str(error))


def _socket_address(address: str | None) -> str | None:
    if not address:
        return None
    return f"\0{address[1:]}" if address.startswith("@") else address


def _line(text: str) -> str:
    return " ".join(text.split())
