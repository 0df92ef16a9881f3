"""The commands that ask a running daemon, against a real server."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from daemon.domain.failure import NotFoundError, RefusedError
from daemon.ports.api import ApiRequest
from tests.unit.cli.conftest import TOKEN, Api, Run, Terminal

STATUS = {
    "name": "acme",
    "leader": {"holder": "host:7", "epoch": 3},
    "components": {
        "postgres": {"up": True, "reason": ""},
        "salesforce_stream": {"up": False, "reason": "403::denied"},
        "capture": {"up": None, "reason": ""},
    },
    "api_calls": {"used": 3, "limit": 100},
    "steps": [
        {
            "name": "people",
            "direction": "two_way",
            "pending": {"pull": 2, "push": 3},
            "lag_seconds": 400.0,
            "parked": 3,
        },
        {"name": "calls", "direction": "push", "pending": {}, "lag_seconds": None, "parked": 0},
    ],
}
PARKED = [
    {
        "id": 9,
        "step": "people",
        "code": "X",
        "reason": "duplicate",
        "message": "a\tb\n",
        "since": "2026-01-02",
    },
    {"id": 8, "step": "people", "code": "Y", "reason": "other", "message": "\x1b[31m", "since": "2026-01-01"},
    {"id": 7, "step": "calls", "code": "X", "reason": "duplicate", "message": "c", "since": "2026-01-01"},
]
CONFLICT = {"id": 1, "step": "people", "key": "7", "field": "Title", "winner": None}
HALVES = {
    "step": "people",
    "key": "7",
    "object": "Lead",
    "sf_id": "003",
    "salesforce_url": "https://acme.my.salesforce.com/003",
    "linked_to": None,
    "fields": [{"field": "Name", "column": "name", "salesforce": "Acme", "postgres": "Acne", "same": False}],
}
LINK = {"id": 5, "step": "people", "sf_id": "003000000000001AAA", "key": "7"}


def page(items: list[dict[str, Any]], size: int = 500) -> Any:
    def reply(request: ApiRequest) -> dict[str, Any]:
        start, limit = int(request.query.get("cursor", 0)), min(size, int(request.query["limit"]))
        end = start + limit
        return {"items": items[start:end], "next": str(end) if end < len(items) else None}

    return reply


@pytest.fixture(autouse=True)
def replies(api: Api) -> None:
    api.replies |= {
        "GET /status": STATUS,
        "GET /parked": page(PARKED),
        "GET /parked/{id}": lambda request: {
            "items": [each for each in PARKED if str(each["id"]) == request.path["id"]]
        },
        "POST /parked:retry": {"retried": 2},
        "GET /links": {"items": [LINK], "next": None},
        "POST /links": {**LINK, "state": "linked"},
        "POST /links:preview": HALVES,
        "DELETE /links/{id}": {"removed": 5},
        "GET /conflicts": page([{"id": 1, "field": "Title"}]),
        "GET /conflicts/{id}": CONFLICT,
        "POST /conflicts/{id}/resolve": {"outcome": "decided"},
        "GET /log": page([{"at": "2026-01-01", "outcome": "apply"}]),
        "GET /records/{step}/{key}": {
            "key": "7",
            "fields": {"Title": {"salesforce": "a", "postgres": None}},
            "log": [1, 2],
        },
        "POST /records/{step}/{key}/explain": {
            "outcome": "apply",
            "verdicts": [{"field": "Title", "rule": "conflict"}],
        },
    }


def test_a_pipe_gets_tab_separated_lines_with_a_header(ask: Run) -> None:
    ran = ask("parked", "list")
    assert ran.status == 0
    lines = [line.split("\t") for line in ran.out.splitlines()]
    assert lines[0] == ["id", "step", "reason", "code", "message", "since"]
    assert lines[1] == ["9", "people", "duplicate", "X", "a\\tb\\n", "2026-01-02"]
    assert lines[2][4] == "\\x1b[31m"
    assert {len(line) for line in lines} == {6}


def test_json_is_the_document_of_the_api(ask: Run) -> None:
    assert json.loads(ask("parked", "list", "--json").out) == {"items": PARKED, "next": None}
    assert json.loads(ask("status", "--json").out) == STATUS
    assert json.loads(ask("record", "show", "people", "7", "--json").out)["key"] == "7"


def test_a_terminal_gets_a_table(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    ask("parked", "list")
    text = terminal.getvalue()
    assert "REASON" in text
    assert "duplicate" in text
    assert "\x1b[31m" not in text
    assert "\t" not in text


def test_filters_travel_and_pages_are_joined(ask: Run, api: Api) -> None:
    api.replies["GET /parked"] = page(PARKED, size=2)
    assert len(ask("parked", "list", "--step", "people", "--code", "X").out.splitlines()) == 4
    assert [query for _, query, _ in api.asked] == [
        {"step": "people", "code": "X", "limit": "100"},
        {"step": "people", "code": "X", "limit": "98", "cursor": "2"},
    ]
    ran = ask("parked", "list", "--limit", "1")
    assert len(ran.out.splitlines()) == 2
    assert "--limit" in ran.err


def test_parked_records_are_counted_by_code(ask: Run) -> None:
    groups = json.loads(ask("parked", "list", "--group-by", "code", "--json").out)["items"]
    assert [(each["code"], each["count"], each["oldest"]) for each in groups] == [
        ("X", 2, "2026-01-01"),
        ("Y", 1, "2026-01-01"),
    ]
    assert "step" not in groups[0]
    assert ask("parked", "list", "--group-by", "colour").status == 2


def test_one_parked_record(ask: Run) -> None:
    assert json.loads(ask("parked", "show", "8", "--json").out) == PARKED[1]
    assert ask("parked", "show", "1").status == 4


@pytest.mark.parametrize(
    ("arguments", "body", "count"),
    [
        (["9", "8"], {"ids": [9, 8]}, 2),
        (["--code", "X"], {"code": "X"}, 3),
        (["--step", "people"], {"step": "people"}, 3),
        (["--all"], {"all": True}, 3),
    ],
)
def test_a_retry_says_what_it_does(
    ask: Run, api: Api, arguments: list[str], body: dict[str, Any], count: int
) -> None:
    ran = ask("parked", "retry", *arguments, "--yes")
    assert ran.status == 0
    assert f"{count} parked records" in ran.err
    assert api.asked[-1] == ("POST /parked:retry", {}, body)


def test_a_retry_of_fewer_than_asked_is_done_in_part(ask: Run) -> None:
    assert ask("parked", "retry", "9", "8", "7", "-y").status == 6


def test_a_conflict_is_shown_and_resolved_after_a_question(ask: Run, api: Api) -> None:
    assert json.loads(ask("conflict", "show", "1", "--json").out) == CONFLICT
    assert ask("conflict", "resolve", "1", "--take", "postgres", "--no-input").status == 5
    assert "POST /conflicts/{id}/resolve" not in [call for call, *_ in api.asked]
    ran = ask("conflict", "resolve", "1", "--take", "postgres", "--yes")
    assert (ran.status, api.asked[-1][2]) == (0, {"take": "postgres"})
    assert "Title of people 7 gets the value of postgres" in ran.err
    assert ask("conflict", "resolve", "1", "--yes").status == 2


def test_a_retry_of_nothing_named_is_refused(ask: Run) -> None:
    assert ask("parked", "retry", "-y").status == 2


@pytest.mark.parametrize(
    "command",
    [
        ["parked", "retry", "9"],
        ["link", "create", "people", "--pg", "7", "--sf", "003000000000001AAA"],
        ["link", "remove", "people", "--pg", "7"],
    ],
)
def test_what_changes_something_asks_first(
    ask: Run, api: Api, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = ask(*command)
    assert (ran.status, ran.three[-3:]) == (5, ["isthmus", "why", "do"])
    assert "--yes" in ran.err
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert ask(*command).status == 5
    assert not [route for route, _, _ in api.asked if not route.startswith("GET") and ":preview" not in route]
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert ask(*command).status == 0
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert ask(*command, "--no-input").status == 5


@pytest.mark.parametrize("act", ["push", "sync"])
@pytest.mark.requirement("S4-70")
def test_one_record_is_tried_before_it_is_asked_for(ask: Run, api: Api, act: str) -> None:
    explain, asked = "POST /records/{step}/{key}/explain", f"POST /records/{{step}}/{{key}}/{act}"
    api.replies[explain] = {"summary": "would create Account in Salesforce (Name)"}
    api.replies[asked] = {"state": "asked"}
    assert "would create" in ask("record", act, "people", "7", "--dry-run").out
    assert ask("record", act, "people", "7").status == 5
    assert [route for route, _, _ in api.asked] == [explain] * 2
    ran = ask("record", act, "people", "7", "-y")
    assert "would create Account" in ran.err
    assert [route for route, _, _ in api.asked][-2:] == [explain, asked]


def test_any_key_finds_its_record(ask: Run, api: Api) -> None:
    ask("record", "explain", "people", '["a/b",1] %')
    assert api.asked[-1] == (
        "POST /records/{step}/{key}/explain",
        {"step": "people", "key": '["a/b",1] %'},
        {},
    )


def test_a_document_in_a_pipe_is_paths_and_values(ask: Run) -> None:
    assert ask("record", "explain", "people", "7").out.splitlines() == [
        "outcome\tapply", "verdicts[0].field\tTitle", "verdicts[0].rule\tconflict",
    ]  # fmt: skip


def test_a_document_on_a_terminal_is_an_outline(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    ask("record", "show", "people", "7")
    assert [line.split() for line in terminal.getvalue().splitlines()] == [
        ["key", "7"], ["fields"], ["Title", '{"salesforce":"a","postgres":null}'], ["log", "[1,2]"],
    ]  # fmt: skip


def test_an_explanation_on_a_terminal_says_the_decision_first(
    ask: Run, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = {
        "field": "Title",
        "rule": "conflict",
        "winner": "postgres",
        "salesforce": "\x1b[2J",
        "postgres": "b",
    }
    api.replies["POST /records/{step}/{key}/explain"] = {
        "step": "people",
        "key": "7",
        "sf_id": "003",
        "link": {"state": "linked", "origin": "external_id"},
        "plan": {
            "fields": [verdict],
            "salesforce": {"operation": "update", "values": {"Title": "b"}},
            "postgres": None,
            "held": {"postgres": {"explanation": "no company", "advice": "link it"}},
        },
        "advice": None,
        "candidates": ["003A"],
        "summary": "would update Contact in Salesforce (Title)",
    }
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    assert ask("record", "explain", "people", "7").status == 0
    text = terminal.getvalue()
    assert text.splitlines()[:2] == [
        "people 7 -> 003   linked by external_id",
        "would update Contact in Salesforce (Title)",
    ]
    for words in (
        "would update in salesforce: Title=b",
        "held for postgres: no company",
        "do: link it",
        '["003A"]',
        "WINNER",
    ):
        assert words in text
    assert "\x1b[2J" not in text


def test_status_on_a_terminal_is_one_screen(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    ran = ask("status")
    assert "LAG SECONDS" in terminal.getvalue()
    assert "people" in terminal.getvalue()
    assert ran.err.splitlines()[0] == (
        "acme   leader host:7   postgres ok   salesforce_stream DOWN: 403::denied   capture not tried yet   API calls 3 of 100"
    )
    assert "isthmus parked list" in ran.err


@pytest.mark.requirement("S2-08")
def test_status_tells_a_person_where_work_on_owned_rows_belongs(
    ask: Run, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = "crm.deals belongs to Salesforce: work on it there; edits here are refused"
    deals = {"name": "deals", "direction": "pull", "notice": notice}
    api.replies["GET /status"] = {**STATUS, "steps": [deals, {"name": "calls", "notice": None}]}
    monkeypatch.setattr("sys.stdout", Terminal())
    lines = ask("status").err.splitlines()
    assert f"deals: {notice}" in lines
    assert not [line for line in lines if line.startswith("calls:")]


@pytest.mark.requirement("S2-35")
def test_the_report_of_what_is_not_synced_names_each_reason_with_its_number(ask: Run, api: Api) -> None:
    api.replies["POST /steps/{step}/expectations"] = {
        "step": "contacts",
        "salesforce": {
            "object": "Contact",
            "records": 1206,
            "synced": 1200,
            "not_synced": {"person_account": 6},
        },
        "postgres": {"table": "crm.contacts", "rows": 1201, "synced": 1200, "not_synced": {"on_request": 1}},
        "meanings": {"person_account": "It is a person account.", "on_request": "Nobody asked."},
    }
    ran = ask("step", "expectations", "contacts")
    assert (ran.status, api.asked[-1][1]) == (0, {"step": "contacts"})
    assert ran.err.splitlines() == [
        "salesforce: 1,200 of 1,206 records are synced",
        "postgres: 1,200 of 1,201 rows are synced",
    ]
    assert [line.split("\t") for line in ran.out.splitlines()[1:]] == [
        ["salesforce", "6", "person_account", "It is a person account."],
        ["postgres", "1", "on_request", "Nobody asked."],
    ]


def test_conflicts_and_log_are_lists(ask: Run, api: Api) -> None:
    assert ask("conflict", "list", "--step", "people").out.splitlines()[1] == "1\tTitle"
    assert ask("log", "list", "--record", "7").out.splitlines()[1] == "2026-01-01\tapply"
    assert api.asked[-1][1]["record"] == "7"


@pytest.mark.parametrize(
    ("limits", "status", "words"),
    [
        ("lag=5m", 3, "people: lag is 400, the limit is 300"),
        ("lag=10m,parked=3", 0, ""),
        ("parked=2", 3, "people: parked is 3"),
        ("pending=4", 3, "people: pending is 5"),
        ("colour=1", 2, "no step has colour"),
        ("lag", 2, "--fail-on lag"),
    ],
)
def test_status_fails_above_a_limit(ask: Run, limits: str, status: int, words: str) -> None:
    ran = ask("status", "--fail-on", limits)
    assert ran.status == status
    assert words in ran.err


def test_a_monitor_hears_nothing_but_the_status(ask: Run) -> None:
    ran = ask("status", "-q", "--fail-on", "lag=5m")
    assert (ran.status, ran.out, ran.err) == (3, "", "")


def test_a_refusal_keeps_the_daemons_words_and_status(ask: Run, api: Api) -> None:
    api.replies["POST /links"] = RefusedError("row 7 is linked already", "to 003B", "remove that link first")
    ran = ask("link", "create", "people", "--pg", "7", "--sf", "003", "-y")
    assert ran.status == 5
    assert ran.err.splitlines()[-3:] == [
        "isthmus: row 7 is linked already",
        "why: to 003B",
        "do:  remove that link first",
    ]
    api.replies["GET /status"] = NotFoundError("a", "b", "c")
    assert ask("status").status == 4


def test_a_wrong_token_is_77(isthmus: Run, api: Api, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong-token-0123456789")
    ran = isthmus("status", "--api", api.base, "--token-file", "wrong")
    assert (ran.status, ran.three) == (77, ["isthmus", "why", "do"])
    assert isthmus("status", "--api", api.base, "--token-file", "missing").status == 77
    assert isthmus("status", "--api", api.base).status == 77


def test_no_daemon_is_69(isthmus: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ran = isthmus("status", "--api", f"http://127.0.0.1:{port}")
    assert (ran.status, ran.three) == (69, ["isthmus", "why", "do"])
    assert "isthmus run" in ran.err


def test_a_daemon_that_does_not_answer_is_75(isthmus: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ran = isthmus("status", "--api", f"http://127.0.0.1:{silent.getsockname()[1]}", "--timeout", "100ms")
    assert (ran.status, ran.three) == (75, ["isthmus", "why", "do"])


def test_something_else_on_the_port_is_said(isthmus: Run, api: Api) -> None:
    assert isthmus("status", "--api", f"{api.base}/elsewhere").status in (4, 69)
    assert isthmus("status", "--api", "127.0.0.1:8470").status == 2


def test_the_configuration_says_where_the_daemon_is_and_who_we_are(
    isthmus: Run, api: Api, tmp_path: Path
) -> None:
    token = tmp_path / "ops_token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    (tmp_path / "isthmus.yaml").write_text(f"""\
version: 1
name: acme
salesforce:
  domain: acme.my.salesforce.com
  environment: production
  auth: {{ flow: client_credentials, client_id: x, client_secret: {{ env: NONE }} }}
database: {{ dsn: "postgresql://isthmus@db/app" }}
steps:
  - name: people
    salesforce: {{ object: Contact }}
    postgres: {{ table: crm.people, key: id }}
    direction: pull
    pull: {{ behaviour: update_or_create }}
    identify: [ {{ salesforce_id: sf_id }} ]
    fields: [ {{ salesforce: LastName, postgres: last_name }} ]
http:
  listen: {api.base.removeprefix("http://")}
  auth:
    tokens:
      - {{ name: boss, role: admin, token: {{ file: not_ours }} }}
      - {{ name: ops, role: operator, token: {{ file: {token} }} }}
""")
    ran = isthmus("status", "--json")
    assert (ran.err, ran.status) == ("", 0)
    assert json.loads(ran.out) == STATUS
    shown = isthmus("config", "show").out
    assert TOKEN not in shown
    assert "http.auth.tokens[1].token.file" in shown
