"""Help, flags, errors and exit statuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon import __version__
from daemon.cli.faults import explained, tell
from daemon.cli.flags import hoist, seconds
from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason, RefusedError, UsageError
from tests.unit.cli.conftest import Run
from tests.unit.settings.sample import TEXT

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = (
    "run", "demo", "emulator", "status", "doctor",
    "config check", "config show", "config schema", "migrate up", "migrate status", "migrate plan", "migrate",
    "capture status", "capture plan", "capture install", "capture remove",
    "record explain", "record show", "link list", "link show", "link create", "link remove",
    "conflict list", "log list", "parked list", "parked show", "parked retry",
)  # fmt: skip
HEAVY = (
    "aiohttp",
    "pydantic",
    "asyncpg",
    "rich",
    "structlog",
    "ruamel",
    "aiosfstream_ng",
    "prometheus_client",
)


def test_alone_it_says_in_ten_lines_what_it_is(isthmus: Run) -> None:
    ran = isthmus()
    assert ran.status == 0
    assert len([line for line in ran.out.splitlines() if line]) <= 10
    for command in ("demo", "run", "status", "doctor", "config check", "parked list"):
        assert f"isthmus {command}" in ran.out


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_help(isthmus: Run, command: str, flag: str) -> None:
    ran = isthmus(*command.split(), flag)
    assert (ran.status, ran.err) == (0, "")
    assert f"isthmus {command}" in ran.out


@pytest.mark.parametrize(
    "command", ["", "run", "demo", "status", "doctor", "config", "migrate", "capture", "link"]
)
def test_examples_stand_before_the_options(isthmus: Run, command: str) -> None:
    out = isthmus(*command.split(), "-h").out
    assert 0 < out.index("Examples:\n    isthmus") < out.index("Options:")


def test_version(isthmus: Run) -> None:
    assert isthmus("--version").out == f"isthmus {__version__}\n"
    assert isthmus("status", "--version").out == f"isthmus {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["statsu"], ["status", "--wacth"], ["link", "create"], ["capture"], ["--timeout"]]
)
def test_wrong_usage_is_three_lines_and_status_2(isthmus: Run, arguments: list[str]) -> None:
    ran = isthmus(*arguments)
    assert (ran.status, ran.out, ran.three) == (2, "", ["isthmus", "why", "do"])


def test_a_word_that_is_nearly_a_command_is_recognised(isthmus: Run) -> None:
    assert "status" in isthmus("statsu").err.splitlines()[0]


def test_no_configuration_says_where_it_was_looked_for(isthmus: Run) -> None:
    ran = isthmus("config", "check", "--offline")
    assert (ran.status, ran.three) == (78, ["isthmus", "why", "do"])
    assert "isthmus.yaml" in ran.err


def test_a_wrong_configuration_lists_every_problem(isthmus: Run, tmp_path: Path) -> None:
    (tmp_path / "isthmus.yaml").write_text("version: 2\nnam: x\n")
    ran = isthmus("config", "check", "--offline")
    assert ran.status == 78
    assert "isthmus.yaml:1" in ran.err
    assert "isthmus.yaml:2" in ran.err


def test_errors_are_problem_documents_with_json(isthmus: Run) -> None:
    ran = isthmus("config", "show", "--json")
    assert ran.out == ""
    problem = json.loads(ran.err)
    assert problem["exit_status"] == ran.status == 78
    assert problem.keys() == {"title", "detail", "fix", "exit_status"}


def test_debug_adds_the_stack(isthmus: Run) -> None:
    assert "Traceback" in isthmus("config", "show", "--debug").err
    assert "Traceback" not in isthmus("config", "show").err


def test_the_schema_is_printed_or_written(isthmus: Run, tmp_path: Path) -> None:
    printed = json.loads(isthmus("config", "schema").out)
    ran = isthmus("config", "schema", "-o", "schema.json")
    assert (ran.status, ran.out) == (0, "")
    assert json.loads((tmp_path / "schema.json").read_text()) == printed
    assert isthmus("config", "schema", "-o", "nowhere/schema.json").status == 5


def test_an_unforeseen_error_is_called_a_defect(isthmus: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("secret\nmore")

    monkeypatch.setattr("daemon.cli.invocation.load_settings", broken)
    ran = isthmus("config", "show")
    assert (ran.status, ran.three) == (1, ["isthmus", "why", "do"])
    assert "ZeroDivisionError" in ran.err
    assert "more" not in ran.err.replace("no more", "")


def test_ctrl_c_is_130(isthmus: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("daemon.cli.invocation.load_settings", interrupted)
    assert isthmus("config", "show").status == 130


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FailureKind.TRANSIENT, 69), (FailureKind.LIMITED, 75), (FailureKind.AUTHENTICATION, 77),
        (FailureKind.PERMISSION, 77), (FailureKind.CONFIGURATION, 78), (FailureKind.MISSING, 4), (FailureKind.REJECTED, 5),
    ],
)  # fmt: skip
def test_a_failed_call_has_a_status_by_its_kind(kind: FailureKind, status: int) -> None:
    told = explained(CallFailedError(Failure(kind, Reason.OTHER, "CODE", "said", "advice")))
    assert (told.exit_status, told.lines()) == (status, ("a call failed with CODE", "said", "advice"))


def test_what_others_wrote_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    tell(RefusedError("no \x1b[2J", "two\nlines", "do"), as_json=False, debug=False)
    assert capsys.readouterr().err == "isthmus: no \\x1b[2J\nwhy: two\n     lines\ndo:  do\n"


@pytest.mark.parametrize(
    ("given", "ordered"),
    [
        (["status", "--json"], ["--json", "status"]),
        (["-c", "a", "run", "-c", "b", "--once"], ["-c", "a", "-c", "b", "run", "--once"]),
        (["run", "--config=a", "-cb", "-q"], ["--config=a", "-cb", "-q", "run"]),
        (["record", "show", "--", "s", "--json"], ["record", "show", "--", "s", "--json"]),
        (
            ["log", "list", "--step", "x", "-y", "--timeout", "5s"],
            ["-y", "--timeout", "5s", "log", "list", "--step", "x"],
        ),
        (["status", "-c"], ["-c", "status"]),
    ],
)
def test_global_flags_may_stand_anywhere(given: list[str], ordered: list[str]) -> None:
    assert hoist(given) == ordered


@pytest.mark.parametrize(
    ("text", "value"), [("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86400), ("250ms", 0.25), ("7", 7)]
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "5 minutes", "-1s", "1e3"])
def test_no_durations(text: str) -> None:
    with pytest.raises(UsageError):
        seconds(text)


def test_help_loads_nothing_heavy() -> None:
    program = f"""
import sys
from daemon.cli.app import main
assert main(["-h"]) == 0
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr.strip() == "[]"


def test_an_offline_check_loads_no_network_stack(tmp_path: Path) -> None:
    (tmp_path / "isthmus.yaml").write_text("version: 2\n")
    program = f"""
import sys
from daemon.cli.app import main
assert main(["config", "check", "--offline", "-c", {str(tmp_path / "isthmus.yaml")!r}]) == 78
print([name for name in ("aiohttp", "asyncpg", "asyncio", "rich", "structlog") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_reader_that_has_enough_is_no_error() -> None:
    program = "import sys; from daemon.cli.app import main; sys.exit(main(['config', 'schema']))"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "most"), [(["-h"], 230), (["config", "check", "--offline", "-c", "isthmus.yaml"], 430)]
)
def test_short_commands_load_little(tmp_path: Path, arguments: list[str], most: int) -> None:
    """What a command loads is what it takes to start. The bounds leave room for another Python's own modules, and find a heavy stack by any name."""
    (tmp_path / "isthmus.yaml").write_text(TEXT)
    program = f"""
import sys
from daemon.cli.app import main
assert main({arguments!r}) == 0
print(len(sys.modules), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert 100 < int(done.stderr.split()[-1]) < most
