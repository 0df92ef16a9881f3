"""`link create|change|remove|show`: what is shown and asked before a pair is made or parted, and what is not offered."""

import json

import pytest

from tests.unit.cli.conftest import Api, Run, Terminal
from tests.unit.cli.test_client import HALVES, LINK

PASTED = "https://acme.lightning.force.com/lightning/r/Lead/003/view"


@pytest.fixture(autouse=True)
def replies(api: Api) -> None:
    api.replies |= {
        "GET /links": {"items": [{**LINK, "state": "linked", "object": "Lead"}], "next": None},
        "POST /links": {**LINK, "state": "linked"},
        "POST /links:preview": HALVES,
        "POST /links:change": {**LINK, "was": "00Q"},
        "DELETE /links/{id}": {"removed": 5},
    }


def asked(api: Api) -> list[str]:
    return [route for route, _, _ in api.asked]


@pytest.mark.requirement("S0-20", "S0-23")
def test_both_halves_are_shown_before_a_link_is_stored(
    ask: Run, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    ran = ask("link", "create", "people", "--pg", "7", "--sf", PASTED)
    assert ran.status == 5
    assert {"Name", "Acme", "Acne"} <= set(ran.err.split())
    assert "https://acme.my.salesforce.com/003" in ran.err
    assert asked(api) == ["POST /links:preview"]
    tried = ask("link", "create", "people", "--pg", "7", "--sf", PASTED, "--dry-run", "--json")
    assert json.loads(tried.out) == HALVES
    assert asked(api) == ["POST /links:preview"] * 2


@pytest.mark.requirement("S0-20", "S0-25")
@pytest.mark.parametrize("flag", ["--yes", "--dry-run"])
def test_a_link_of_a_linked_row_is_not_offered(ask: Run, api: Api, flag: str) -> None:
    api.replies["POST /links:preview"] = {**HALVES, "linked_to": "00Q"}
    ran = ask("link", "create", "people", "--pg", "7", "--sf", PASTED, flag)
    assert ran.status == 5
    assert ran.three == ["isthmus", "why", "do"]
    assert "row 7 of step people is linked already" in ran.err
    assert "it belongs to 00Q" in ran.err
    assert "isthmus link remove people --pg 7" in ran.err
    assert "isthmus link change people --pg 7" in ran.err
    assert asked(api) == ["POST /links:preview"]


@pytest.mark.requirement("S0-25")
def test_a_link_is_changed_in_one_command(ask: Run, api: Api) -> None:
    api.replies["POST /links:preview"] = {**HALVES, "linked_to": "00Q"}
    ran = ask("link", "change", "people", "--pg", "7", "--sf", "003", "-y")
    assert "unlinks it from 00Q" in ran.err
    assert "isthmus link change people --pg 7 --sf 00Q" in ran.err
    assert api.asked[-1][0] == "POST /links:change"


def test_a_link_is_made_and_the_undo_is_printed(ask: Run, api: Api) -> None:
    ran = ask("link", "create", "people", "--pg", "7", "--sf", "003", "--take", "postgres", "-y")
    assert api.asked[-1][2] == {"step": "people", "key": "7", "sf_id": "003", "take": "postgres"}
    assert "isthmus link remove people --pg 7" in ran.err
    assert ask("link", "create", "people", "--pg", "7", "--sf", "003", "--take", "both", "-y").status == 2


@pytest.mark.requirement("S0-15", "S0-16")
def test_what_is_removed_is_shown_and_asked_about(
    ask: Run, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("link", "remove", "people", "--pg", "7")
    for answer in (None, "n\n"):
        if answer is not None:
            monkeypatch.setattr("sys.stdin", Terminal(answer))
        ran = ask(*command)
        assert ran.status == 5
        assert "removes the link of row 7 of step people to Lead 003000000000001AAA" in ran.err
        assert "The data stays on both sides" in ran.err
    assert asked(api) == ["GET /links"] * 2
    assert api.asked[0][1].items() >= {"step": "people", "key": "7"}.items()
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert ask(*command).status == 0
    assert ask(*command, "--yes").status == 0
    assert [each for each in asked(api) if each.startswith("DELETE")] == ["DELETE /links/{id}"] * 2


def test_a_link_is_removed_by_either_key(ask: Run, api: Api) -> None:
    assert (
        "isthmus link create people --pg 7 --sf 003"
        in ask("link", "remove", "people", "--sf", "003", "--block", "-y").err
    )
    assert api.asked[-1][:2] == ("DELETE /links/{id}", {"id": "5", "block": "true"})
    assert ask("link", "remove", "people", "-y").status == 2
    assert ask("link", "remove", "people", "--pg", "7", "--block", "--forget", "-y").status == 2
    assert ask("link", "remove", "people", "--pg", "7", "--forget", "-y").status == 0
    assert api.asked[-1][:2] == ("DELETE /links/{id}", {"id": "5", "forget": "true"})
    api.replies["GET /links"] = {"items": [LINK, LINK], "next": None}
    assert ask("link", "show", "people", "--pg", "8").status == 5


@pytest.mark.requirement("S0-18")
@pytest.mark.parametrize("links", [[], [{**LINK, "state": "unlinked"}]], ids=["never", "no more"])
def test_unlinking_what_is_not_linked_is_not_offered(
    ask: Run, api: Api, links: list[dict[str, object]]
) -> None:
    api.replies["GET /links"] = {"items": links, "next": None}
    ran = ask("link", "remove", "people", "--pg", "7")
    assert ran.status == 4
    assert ran.three == ["isthmus", "why", "do"]
    assert "7 is not linked" in ran.err
    assert asked(api) == ["GET /links"]


def test_a_parted_pair_can_be_forgotten(ask: Run, api: Api) -> None:
    api.replies["GET /links"] = {"items": [{**LINK, "state": "unlinked"}], "next": None}
    assert ask("link", "remove", "people", "--pg", "7", "--forget", "-y").status == 0
    assert api.asked[-1][:2] == ("DELETE /links/{id}", {"id": "5", "forget": "true"})
