"""The command line in this process, against a real API on a real socket in a thread beside it."""

import asyncio
import io
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapters.http.server import HttpServer
from adapters.http.tokens import Token
from adapters.memory.meter import MemoryMeter
from daemon.cli.app import main
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role
from daemon.runtime.clock import SystemClock

TOKEN = "operator-token-0123456789"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def three(self) -> list[str]:
        """The labels of the lines of an error."""
        return [line.partition(":")[0] for line in self.err.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture
def isthmus(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the command in an empty folder, not on a terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("daemon.cli.configuration.DEFAULT_FILES", (Path("isthmus.yaml"),))

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        status = main(arguments)
        out, err = capsys.readouterr()
        return Ran(status, out, err)

    return run


@dataclass
class Api:
    """A stand-in for the daemon's own endpoints: replies by `METHOD pattern`, and what was asked."""

    replies: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    base: str = ""

    def endpoints(self) -> list[Endpoint]:
        listing = frozenset({"step", "code", "sf_id", "key", "record", "state", "limit", "cursor"})
        routes: list[tuple[str, str, Mapping[str, Any]]] = [
            ("GET", "/status", {}),
            ("GET", "/parked", {"query": listing}),
            ("GET", "/parked/{id}", {}),
            ("POST", "/parked:retry", {}),
            ("GET", "/links", {"query": listing}),
            ("POST", "/links", {}),
            ("POST", "/links:preview", {}),
            ("POST", "/links:change", {}),
            ("DELETE", "/links/{id}", {"query": frozenset({"block", "forget"})}),
            ("GET", "/campaigns", {"query": listing}),
            ("POST", "/campaigns", {}),
            ("POST", "/campaigns:preview", {}),
            ("POST", "/campaigns:create", {}),
            ("DELETE", "/campaigns/{key}", {"query": frozenset({"dry_run"})}),
            ("GET", "/conflicts", {"query": listing}),
            ("GET", "/conflicts/{id}", {}),
            ("POST", "/conflicts/{id}/resolve", {}),
            ("GET", "/log", {"query": listing}),
            ("GET", "/jobs", {"query": listing | {"kind", "state"}}),
            ("GET", "/jobs/{id}", {}),
            ("POST", "/jobs/{id}:cancel", {}),
            ("POST", "/steps/{step}/load", {}),
            ("POST", "/steps/{step}/load:estimate", {}),
            ("POST", "/steps/{step}/expectations", {}),
            ("GET", "/records/{step}/{key}", {}),
            ("POST", "/records/{step}/{key}/explain", {"query": frozenset({"asked"})}),
            ("POST", "/records/{step}/{key}/push", {}),
            ("POST", "/records/{step}/{key}/sync", {}),
        ]
        return [
            Endpoint(method, f"/api/v1{path}", Role.OPERATOR, self._answer(f"{method} {path}"), **options)
            for method, path, options in routes
        ]

    def _answer(self, route: str) -> Callable[[ApiRequest], Any]:
        async def handle(request: ApiRequest) -> ApiReply:
            self.asked.append((route, {**request.path, **request.query}, dict(request.body)))
            reply = self.replies[route]
            reply = reply(request) if callable(reply) else reply
            if isinstance(reply, Exception):
                raise reply
            return ApiReply(reply)

        return handle


@pytest.fixture
def api() -> Iterator[Api]:
    made, ready, finished = Api(), threading.Event(), threading.Event()

    async def serve() -> None:
        tokens = [Token("ops", Role.OPERATOR, lambda: TOKEN)]
        server = HttpServer(made.endpoints(), clock=SystemClock(), meter=MemoryMeter(), tokens=lambda: tokens)
        await server.start(("127.0.0.1", 0))
        assert server.api_address is not None
        made.base = f"http://127.0.0.1:{server.api_address[1]}"
        ready.set()
        await asyncio.to_thread(finished.wait, 60)
        await server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    yield made
    finished.set()
    thread.join(10)


@pytest.fixture
def ask(isthmus: Run, api: Api, tmp_path: Path) -> Run:
    """Runs the command as a client of the stand-in, with its token."""
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    return lambda *arguments: isthmus("--api", api.base, "--token-file", str(token), *arguments)
