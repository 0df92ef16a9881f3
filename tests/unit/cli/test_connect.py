"""`connect`: the list, from the daemon or by itself, and what the login is given and shows."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import daemon
from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason
from daemon.operations.connections import Connection
from tests.support.ports import free_port
from tests.unit.cli.conftest import Run
from tests.unit.settings.sample import TEXT

HERE = Connection("salesforce", "acme.my.salesforce.com", "connected", "sync@acme.com", "Acme (00D)")
AWAY = Connection("postgres", "db/app", "unreachable", why="nothing answers", do="start it")
ADDRESS = "https://acme.my.salesforce.com/services/oauth2/authorize?state=s"


class Program:
    """Stands where the assembled program would."""

    def __init__(self) -> None:
        self.found = [HERE, AWAY]
        self.asked: dict[str, Any] = {}
        self.error: Exception | None = None

    async def connections(self, _: object) -> list[Connection]:
        return self.found

    async def connect_salesforce(self, _: object, **options: Any) -> tuple[Connection, str]:
        self.asked = options
        options["show"](ADDRESS)
        if self.error is not None:
            raise self.error
        return HERE, "the database"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, isthmus: Run) -> Program:
    made = Program()
    offered = SimpleNamespace(connections=made.connections, connect_salesforce=made.connect_salesforce)
    monkeypatch.setitem(sys.modules, "daemon.compose", offered)
    monkeypatch.setattr(daemon, "compose", offered, raising=False)
    monkeypatch.setenv("PGPASS", "x")
    Path("sf_private_key").write_text("key")
    monkeypatch.setenv("ISTHMUS_SECRETS_DIR", str(Path.cwd()))
    Path("isthmus.yaml").write_text(f"{TEXT}http: {{ listen: 127.0.0.1:{free_port()} }}\n")
    return made


@pytest.mark.requirement("S1-02")
def test_both_sides_are_listed_with_what_to_do(isthmus: Run, program: Program) -> None:
    ran = isthmus("connect")
    assert ran.status == 3
    assert all(word in ran.out for word in ("sync@acme.com", "Acme (00D)", "unreachable", "start it"))
    program.found = [HERE]
    assert isthmus("connect").status == 0


def test_the_login_shows_its_address_and_says_where_the_token_is(isthmus: Run, program: Program) -> None:
    ran = isthmus("connect", "salesforce", "--wait", "90s", "--port", "9000")
    assert (ran.status, ADDRESS in ran.err, "the database" in ran.out) == (0, True, True)
    assert (program.asked["port"], program.asked["seconds"]) == (9000, 90.0)
    assert ADDRESS in isthmus("connect", "salesforce", "--quiet").err


def test_a_browser_is_opened_only_when_asked(
    isthmus: Run, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    isthmus("connect", "salesforce")
    assert (program.asked["port"], opened) == (8479, [])
    isthmus("connect", "salesforce", "--open")
    assert opened == [ADDRESS]


def test_a_refused_login_is_told_by_its_cause(isthmus: Run, program: Program) -> None:
    program.error = CallFailedError(
        Failure(FailureKind.AUTHENTICATION, Reason.PERMISSION, "access_denied", "denied", "Choose Allow.")
    )
    ran = isthmus("connect", "salesforce")
    assert (ran.status, "access_denied" in ran.err, "Choose Allow." in ran.err) == (77, True, True)


@pytest.mark.parametrize("option", [("--wait", "0s"), ("--wait", "2h"), ("--port", "70000"), ("--port", "0")])
def test_what_cannot_be_is_refused(isthmus: Run, program: Program, option: tuple[str, str]) -> None:
    assert isthmus("connect", "salesforce", *option).status == 2
    assert program.asked == {}


def test_step_kinds_lists_what_there_can_be(isthmus: Run) -> None:
    ran = isthmus("step", "kinds")
    assert ran.status == 0
    assert any(line.split()[:2] == ["OpportunityContactRole", "table"] for line in ran.out.splitlines())
