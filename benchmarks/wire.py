"""HTTP/1.1 in as few steps as possible, so that a measurement shows the server and not the client.

A wave sends one request on each of several connections and then reads the answers: the server always finds work waiting, and the client needs
neither threads nor an event loop.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

_HOST = "127.0.0.1"
_DEADLINE_SECONDS = 120.0
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came over the wire: `body` is not decompressed."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header, or None."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.lower().encode():
                return value.strip().decode()
        return None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with the size of its answer's body: enough to repeat the traffic against a server that does no work."""

    request: bytes
    answered: int


class Connection:
    """One connection. Every wait has a deadline; a server that says anything unexpected is an error."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((_HOST, port), timeout=_DEADLINE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def send(self, request: bytes) -> None:
        """Send a whole request."""
        self.socket.sendall(request)

    def receive(self) -> Answer:
        """The next answer. Raises ConnectionError when the server closes instead."""
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            self._rest += self._read()
        head, body = self._rest[:end], self._rest[end + 4 :]
        status = int(head[9:12])
        answer = Answer(status, head, b"")
        if status in {204, 304}:
            self._rest = body
            return answer
        size = int(answer.header("Content-Length") or 0)
        parts, have = [body], len(body)
        while have < size:
            parts.append(self._read())
            have += len(parts[-1])
        whole = b"".join(parts)
        self._rest = whole[size:]
        return Answer(status, head, whole[:size])

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def _read(self) -> bytes:
        chunk = self.socket.recv(_CHUNK)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        return chunk


class Wire:
    """Several connections to one server, and a record of what went over them."""

    def __init__(self, port: int, token: str, width: int) -> None:
        self.connections = [Connection(port) for _ in range(width)]
        self.exchanges: list[Exchange] = []
        self._head = (
            f"Host: localhost:{port}\r\nAuthorization: Bearer {token}\r\nAccept-Encoding: gzip, deflate\r\n"
        )

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        """A request in bytes. A body is JSON unless the headers say otherwise."""
        given = dict(headers or {})
        if body:
            given.setdefault("Content-Type", "application/json")
            given["Content-Length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        return f"{method} {path} HTTP/1.1\r\n{self._head}{lines}\r\n".encode() + body

    def ask(self, request: bytes, *, status: int = 200) -> Answer:
        """One request and its answer, on the first connection."""
        return next(iter(self.waves([request], status=status)))

    def waves(self, requests: Iterable[bytes], *, status: int = 200) -> Iterator[Answer]:
        """Send all requests, as many at a time as there are connections; the answers in order."""
        remaining = iter(requests)
        while wave := list(islice(remaining, len(self.connections))):
            in_use = list(zip(self.connections, wave, strict=False))
            for connection, request in in_use:
                connection.send(request)
            for connection, request in in_use:
                yield self.took(request, connection.receive(), status=status)

    def took(self, request: bytes, answer: Answer, *, status: int = 200) -> Answer:
        """Record an exchange. Raises RuntimeError for an answer with another status."""
        if answer.status != status:
            shown = request.split(b"\r\n", 1)[0].decode()
            raise RuntimeError(f"{shown} was answered with {answer.status}: {answer.body[:500]!r}")
        self.exchanges.append(Exchange(request, len(answer.body)))
        return answer

    def close(self) -> None:
        """Close all connections."""
        for connection in self.connections:
            connection.close()


def replay(port: int, exchanges: Iterable[Exchange], width: int, clock: Callable[[], float]) -> float:
    """Repeat traffic against the bare server, as many requests at a time; gives the seconds it took."""
    wire = Wire(port, "", width)
    requests = [_bare(wire, exchange) for exchange in exchanges]
    started = clock()
    for _ in wire.waves(requests):
        pass
    took = clock() - started
    wire.close()
    return took


def _bare(wire: Wire, exchange: Exchange) -> bytes:
    body = exchange.request.partition(b"\r\n\r\n")[2]
    return wire.request("POST" if body else "GET", f"/?size={exchange.answered}", body)
