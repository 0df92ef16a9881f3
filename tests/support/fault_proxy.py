"""A TCP proxy that stands for a bad network: `async with FaultProxy(target) as proxy`, and `proxy.weather` may change at any time.

What the weather holds back is held, not lost, as by a network that drops packets and heals: TCP sends them again.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_READ_BYTES = 65536
_LINGER_NOT = struct.pack("ii", 1, 0)
"""Closing such a socket sends a reset."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How the network is. Sizes in bytes, times in seconds.

    `only` limits all of it to connections whose first bytes, from the client, contain this.
    """

    latency: float = 0.0  # before each piece, either way
    slices: int = _READ_BYTES  # the most that goes over at once
    rate: float = 0.0  # bytes a second, either way; 0 is no bound
    black_hole: bool = False  # nothing goes over, either way
    half_open: bool = False  # requests go over, answers do not
    cut_after: int | None = None  # a reset after so many bytes of answers
    cut_behind: bytes | None = None  # a reset as soon as this has gone over, before its answer
    slow_close: float = 0.0  # before the end of a connection goes over
    refusal: bytes | None = None  # what a new connection is told instead of anything of the server
    only: bytes = b""


FAIR = Weather()


@dataclass(slots=True, eq=False)
class _Line:
    """One connection, both ways."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    first: bytes = b""
    answered: int = 0
    gone: bool = False

    def reset(self) -> None:
        self.gone = True
        for end in (self.client, self.server):
            end.transport.abort()


@dataclass
class FaultProxy:
    """Stands before `target`: a host and port, or the path of a Unix socket."""

    target: tuple[str, int] | str
    weather: Weather = FAIR
    port: int = 0
    cuts: int = 0
    _lines: set[_Line] = field(default_factory=set)
    _serving: "set[asyncio.Task[None]]" = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.weather = FAIR
        await self.down()

    async def up(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse connections, and reset those that there are: what a server that is stopped does."""
        if self._server is not None:
            self._server.close()
        self.reset()
        if self._serving:
            await asyncio.wait(self._serving)

    def reset(self) -> None:
        """Reset every connection."""
        for line in list(self._lines):
            line.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        if self.weather.refusal is not None and not self.weather.only:
            await reader.read(_READ_BYTES)
            writer.write(self.weather.refusal)
            writer.transport.set_write_buffer_limits(0)
            with suppress(OSError):
                await writer.drain()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
            writer.close()
            return
        try:
            theirs, server = await self._reach()
        except OSError:
            writer.transport.abort()
            return
        line = _Line(writer, server)
        self._lines.add(line)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(line, reader, server, answers=False))
                both.create_task(self._pump(line, theirs, writer, answers=True))
        except* (OSError, asyncio.IncompleteReadError):
            pass  # one end has gone; so does the other
        finally:
            self._lines.discard(line)
            line.reset()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)

    async def _pump(
        self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        async for piece in self._pieces(line, reader, answers=answers):
            writer.write(piece)
            await writer.drain()
            weather = self._over(line)
            line.answered += len(piece) * answers
            behind = weather.cut_behind is not None and not answers and weather.cut_behind in piece
            if behind or (weather.cut_after is not None and line.answered >= weather.cut_after):
                self.cuts += 1
                line.reset()
        await asyncio.sleep(self._over(line).slow_close)
        with suppress(OSError):
            writer.write_eof()

    async def _pieces(
        self, line: _Line, reader: asyncio.StreamReader, *, answers: bool
    ) -> AsyncIterator[bytes]:
        """What comes in, as the weather lets it pass."""
        while data := await reader.read(_READ_BYTES):
            if not answers and len(line.first) < _READ_BYTES:
                line.first += data
            while data:
                weather = self._over(line)
                if line.gone:
                    return
                if weather.black_hole or (weather.half_open and answers):
                    await asyncio.sleep(_HELD_SECONDS)
                    continue
                piece, data = data[: weather.slices], data[weather.slices :]
                await asyncio.sleep(weather.latency + (len(piece) / weather.rate if weather.rate else 0.0))
                yield piece

    def _over(self, line: _Line) -> Weather:
        return self.weather if self.weather.only in line.first else FAIR


_HELD_SECONDS = 0.02
