"""`isthmus campaign`: what is asked of the API, what is shown first, and what is left at that."""

import json

import pytest

from tests.unit.cli.conftest import Api, Run

SHOWN = {
    "step": "campaigns", "key": "17", "object": "Campaign", "sf_id": "7015g000000AbCdAAK", "members": 12, "statuses": ["Sent", "Odd"],
    "unknown_statuses": ["Odd"], "warning": "the local type lacks these statuses of the campaign: Odd", "name": "Spring",
}  # fmt: skip


def routes(api: Api) -> list[str]:
    return [route for route, _, _ in api.asked]


def test_a_rehearsal_shows_and_leaves_it_at_that(ask: Run, api: Api) -> None:
    api.replies["POST /campaigns:preview"] = SHOWN
    ran = ask("--json", "campaign", "link", "17", "--sf", "7015g000000AbCdAAK", "--dry-run")
    assert ran.status == 0, ran.err
    assert json.loads(ran.out)["members"] == 12
    assert routes(api) == ["POST /campaigns:preview"]


@pytest.mark.requirement("S3-28")
def test_a_link_warns_of_statuses_before_it_is_made(ask: Run, api: Api) -> None:
    api.replies["POST /campaigns:preview"] = SHOWN
    api.replies["POST /campaigns"] = {**SHOWN, "job": 4}
    ran = ask("campaign", "link", "17", "--sf", "7015g000000AbCdAAK", "--take", "none", "--yes")
    assert ran.status == 0, ran.err
    assert "lacks these statuses of the campaign: Odd" in ran.err
    assert "job 4" in ran.err
    assert api.asked[-1][2] == {"key": "17", "sf_id": "7015g000000AbCdAAK", "take": "none"}


def test_nothing_is_linked_without_a_yes(ask: Run, api: Api) -> None:
    api.replies["POST /campaigns:preview"] = SHOWN
    assert ask("--no-input", "campaign", "link", "17", "--sf", "7015g000000AbCdAAK").status != 0
    assert routes(api) == ["POST /campaigns:preview"]


def test_a_side_that_is_not_known_is_refused(ask: Run, api: Api) -> None:
    assert ask("campaign", "link", "17", "--sf", "701", "--take", "both").status == 2
    assert routes(api) == []


def test_a_campaign_is_made_and_parted(ask: Run, api: Api) -> None:
    api.replies["POST /campaigns:preview"] = SHOWN
    api.replies["POST /campaigns:create"] = {"key": "17", "state": "asked"}
    api.replies["DELETE /campaigns/{key}"] = {"key": "17", "sf_id": "701", "state": "unlinked"}
    assert ask("campaign", "create", "17", "--dry-run").status == 0
    assert ask("campaign", "unlink", "17", "--dry-run").status == 0
    assert ask("campaign", "create", "17", "--yes").status == 0
    parted = ask("campaign", "unlink", "17", "--yes")
    assert parted.status == 0
    assert "isthmus campaign link 17 --sf 701" in parted.err
    assert routes(api) == [
        "POST /campaigns:preview",
        "DELETE /campaigns/{key}",
        "POST /campaigns:preview",
        "POST /campaigns:create",
        "DELETE /campaigns/{key}",
        "DELETE /campaigns/{key}",
    ]


def test_campaigns_are_listed(ask: Run, api: Api) -> None:
    api.replies["GET /campaigns"] = {
        "items": [{"key": "17", "name": "Spring", "state": "none"}],
        "next": None,
    }
    ran = ask("campaign", "list")
    assert ran.status == 0
    assert "Spring" in ran.out
