"""`step load` and `job`, against a real server: what is asked, what is sent, and what is shown of a job."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from daemon.cli import watching
from daemon.cli.commands.loads import moment, per_second
from daemon.cli.faults import INTERRUPTED, PARTLY
from daemon.domain.failure import RefusedError, UsageError
from daemon.ports.api import ApiRequest
from tests.unit.cli.conftest import Api, Run, Terminal

ESTIMATE = {
    "step": "people",
    "object": "Lead",
    "records": 12_000,
    "bulk": True,
    "api_calls": 9,
    "share_of_allowance": 0.0006,
    "allowance_left": 14_000,
    "rate": 4000.0,
    "rate_seen": True,
    "minutes": 0.1,
    "instance_url": "https://acme.my.salesforce.com",
}
JOB: dict[str, Any] = {
    "id": 7,
    "kind": "load",
    "step": "people",
    "state": "queued",
    "operator": "ops",
    "request": {"limit": 2},
    "processed": 0,
    "expected": 0,
    "rate": None,
    "seconds_left": None,
    "failure": None,
    "due": None,
    "cancelled_by": None,
    "result": None,
}
RUNNING = {**JOB, "state": "running", "processed": 500, "expected": 2000, "rate": 100.0, "seconds_left": 75.0}
LISTED = [
    {"key": "1", "sf_id": "00Q000000000001AAA", "outcome": "create", "code": None},
    {"key": None, "sf_id": "00Q000000000002AAA", "outcome": "park", "code": "22001"},
]
DONE = {
    **RUNNING,
    "state": "done",
    "processed": 2,
    "expected": 2,
    "result": {"records": 2, "outcomes": {"create": 1, "park": 1}, "listed": LISTED, "dry_run": False},
}


@pytest.fixture(autouse=True)
def replies(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.0)
    api.replies |= {
        "POST /steps/{step}/load:estimate": ESTIMATE,
        "POST /steps/{step}/load": JOB,
        "GET /jobs": {"items": [RUNNING], "next": None},
        "GET /jobs/{id}": in_turn(JOB, RUNNING, DONE),
        "POST /jobs/{id}:cancel": {**RUNNING, "state": "cancelling"},
    }


def in_turn(*documents: Any) -> Any:
    waiting = list(documents)

    def reply(_: ApiRequest) -> Any:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return reply


def asked(api: Api) -> list[str]:
    return [route for route, _, _ in api.asked]


def test_a_small_run_shows_each_record_with_its_address(ask: Run, api: Api) -> None:
    ran = ask("step", "load", "people", "--limit", "2", "--where", "Status = 'Open'", "--yes")
    assert [line.split("\t") for line in ran.out.splitlines()] == [
        ["key", "link", "outcome", "code", "sf_id"],
        ["1", "https://acme.my.salesforce.com/00Q000000000001AAA", "create", "", "00Q000000000001AAA"],
        ["", "https://acme.my.salesforce.com/00Q000000000002AAA", "park", "22001", "00Q000000000002AAA"],
    ]
    assert "2 records: 1 create, 1 park" in ran.err
    assert ran.status == PARTLY
    sent = {"where": "Status = 'Open'", "since": None, "limit": 2, "rate": None, "dry_run": False}
    assert [body for _, _, body in api.asked[:2]] == [sent, sent]


def test_an_estimate_begins_nothing(ask: Run, api: Api) -> None:
    ran = ask("step", "load", "people", "--estimate", "--json")
    assert (ran.status, json.loads(ran.out)) == (0, ESTIMATE)
    assert asked(api) == ["POST /steps/{step}/load:estimate"]


def test_a_load_is_not_begun_unless_it_is_confirmed(ask: Run, api: Api) -> None:
    ran = ask("step", "load", "people", "--no-input")
    assert ran.status == 5
    assert (
        "loads 12,000 records of Lead into step people: 9 API calls (0.06% of the day's allowance" in ran.err
    )
    assert asked(api) == ["POST /steps/{step}/load:estimate"]


def test_detached_it_says_how_to_watch(ask: Run, api: Api) -> None:
    ran = ask("step", "load", "people", "--yes", "--detach", "--json")
    assert json.loads(ran.out)["id"] == 7
    assert "isthmus job show 7 --watch" in ran.err
    assert asked(api)[-1] == "POST /steps/{step}/load"


def test_ctrl_c_leaves_the_job_running_and_says_so(
    ask: Run, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"{watching.__name__}.time.sleep", interrupted)
    ran = ask("step", "load", "people", "--yes")
    assert ran.status == INTERRUPTED
    assert "job 7 goes on; watch it with: isthmus job show 7 --watch" in ran.err
    assert "POST /jobs/{id}:cancel" not in asked(api)


def test_a_line_each_ten_seconds_in_a_pipe_and_a_bar_on_a_terminal(
    ask: Run, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter(range(0, 1000, 6))
    clock = SimpleNamespace(monotonic=lambda: float(next(moments)), sleep=lambda _: None)
    monkeypatch.setattr(f"{watching.__name__}.time", clock)
    api.replies["GET /jobs/{id}"] = in_turn(RUNNING, RUNNING, RUNNING, RUNNING, RUNNING, DONE)
    lines = [line for line in ask("job", "show", "7", "--watch").err.splitlines() if "records" in line]
    assert 1 <= len(lines) <= 3
    assert lines[0] == "load people: 500 of 2,000 records, 100/s, 1 min 15 s left"
    monkeypatch.undo()
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.0)
    api.replies["GET /jobs/{id}"] = in_turn(RUNNING, RUNNING, DONE)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    ask("job", "show", "7", "--watch")
    assert "2 of 2 records" in terminal.getvalue()
    assert "━" in terminal.getvalue()


def test_a_failed_and_a_cancelled_job_end_in_three_lines(ask: Run, api: Api) -> None:
    failure = {"code": "INVALID_FIELD", "message": "No such column.", "advice": "Mend the step."}
    api.replies["GET /jobs/{id}"] = {**RUNNING, "state": "failed", "failure": failure}
    ran = ask("job", "show", "7", "--watch")
    assert ran.three == ["isthmus", "why", "do"]
    assert (ran.status, "INVALID_FIELD" in ran.err, "Mend the step." in ran.err) == (5, True, True)
    api.replies["GET /jobs/{id}"] = {**RUNNING, "state": "cancelled", "cancelled_by": "bob"}
    ran = ask("job", "show", "7", "--watch")
    assert (ran.status, "bob asked for it" in ran.err) == (5, True)


def test_jobs_are_listed_shown_and_cancelled(ask: Run, api: Api) -> None:
    ran = ask("job", "list", "--state", "running", "--kind", "load")
    assert ran.out.splitlines()[0].startswith("id\tkind\tstep\tstate\tprocessed\texpected\trate")
    assert api.asked[0][1] == {"state": "running", "kind": "load", "limit": "100"}
    assert json.loads(ask("job", "show", "7", "--json").out)["id"] == 7
    assert ask("job", "cancel", "7", "--no-input").status == 5
    assert json.loads(ask("job", "cancel", "7", "--yes", "--json").out)["state"] == "cancelling"


def test_a_job_that_has_ended_is_not_asked_about(ask: Run, api: Api) -> None:
    api.replies["GET /jobs/{id}"] = DONE

    def refuse(_: ApiRequest) -> Any:
        raise RefusedError("job 7 has ended already", "it is done", "see it")

    api.replies["POST /jobs/{id}:cancel"] = refuse
    ran = ask("job", "cancel", "7", "--no-input")
    assert (ran.status, "has ended already" in ran.err) == (5, True)


def test_how_long_deletes_may_pass_is_checked_before_anything_is_asked(ask: Run, api: Api) -> None:
    for lasting in ("8d", "soon", "0s"):
        ran = ask("step", "allow-delete", "people", "--count", "1", "--for", lasting)
        assert (ran.status, api.asked) == (2, []), lasting


def test_times_and_rates_are_understood() -> None:
    assert moment("2026-03-01T00:00:00Z") == "2026-03-01T00:00:00+00:00"
    ago = datetime.now(UTC) - datetime.fromisoformat(moment("2h"))
    assert timedelta(hours=2) <= ago < timedelta(hours=2, seconds=5)
    assert [per_second(text) for text in ("50/s", "600/min", "7200/h", "2.5")] == [50, 10, 2, 2.5]
    for text in ("fast", "0/s", "5/d"):
        with pytest.raises(UsageError):
            per_second(text)
    with pytest.raises(UsageError):
        moment("yesterday")
