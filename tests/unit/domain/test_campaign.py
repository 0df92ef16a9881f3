"""What a campaign's type says of the statuses in Salesforce."""

from dataclasses import replace

import pytest

from daemon.domain.campaign import CampaignRules, CampaignType, NewStatus, lacking, unknown_here
from daemon.domain.mapping import Step, Table
from daemon.domain.side import Direction

WEBINAR = CampaignType({"registered": "Sent", "attended": "Attended", "gone": "No Show"}, "registered")
MAIL = CampaignType({"sent": "Sent"}, "sent")


def test_a_campaign_lacks_what_it_has_not_in_any_case_of_letters() -> None:
    assert lacking(WEBINAR, ["SENT", "Responded"]) == [NewStatus("Attended", 3), NewStatus("No Show", 4)]
    assert lacking(WEBINAR, ["Sent", "attended", "no show"]) == []


def test_two_statuses_with_one_label_are_one() -> None:
    assert lacking(CampaignType({"a": "Done", "b": "Done"}, "a"), []) == [NewStatus("Done", 1)]


def test_what_the_local_type_does_not_know_is_told() -> None:
    assert unknown_here(WEBINAR, ["Sent", "Responded", "no show", "Odd"]) == ["Responded", "Odd"]


@pytest.mark.parametrize(
    ("column", "types", "values", "found"),
    [
        ("kind", {"webinar": WEBINAR, "mail": MAIL}, {"kind": "mail"}, MAIL),
        ("kind", {"webinar": WEBINAR}, {"kind": "other"}, None),
        ("kind", {"webinar": WEBINAR}, {"kind": None}, None),
        (None, {"webinar": WEBINAR}, {}, WEBINAR),
        (None, {}, {}, None),
    ],
)
def test_the_type_of_a_row(
    column: str | None,
    types: dict[str, CampaignType],
    values: dict[str, str | None],
    found: CampaignType | None,
) -> None:
    assert CampaignRules("members", column, types).type_of(values) is found


def test_the_column_that_tells_a_campaigns_type_is_read_with_its_row() -> None:
    table = Table("app", "campaign", ("id",), {"id": "bigint", "kind": "text"})
    step = Step("campaigns", "Campaign", table, Direction.PUSH, (), campaign=CampaignRules("members", "kind"))
    assert step.columns == ("kind",)
    assert replace(step, campaign=CampaignRules("members")).columns == ()
