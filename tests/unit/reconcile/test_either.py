"""A member is a contact or a lead, of a campaign that is linked or not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.domain.link import Link
from daemon.domain.mapping import Field, Kind, Step, Table
from daemon.domain.plan import Outcome
from daemon.domain.policy import ConflictRule, Policy
from daemon.domain.side import Direction, Side
from daemon.domain.view import MISSING, Presence, View
from daemon.reconcile.decide import decide
from daemon.reconcile.either import chosen, nobody, not_linked

BOTH = Direction.TWO_WAY
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CAMPAIGN = Field(
    "CampaignId", "campaign", Kind.REFERENCE, BOTH, mandatory=True, lookup="campaigns", linked_only=True
)
CONTACT = Field("ContactId", "person", Kind.REFERENCE, BOTH, lookup="contacts", either="person")
LEAD = Field("LeadId", "person", Kind.REFERENCE, BOTH, lookup="leads", either="person")
STATUS = Field("Status", "status", Kind.TEXT, BOTH, ConflictRule(Policy.PUSH_ALWAYS))
FIELDS = (CAMPAIGN, CONTACT, LEAD, STATUS)
MEMBERS = Step("members", "CampaignMember", Table("app", "member", ("id",), {}), BOTH, FIELDS)
ROW = {"person": "7"}
TABLES = {"contacts": "app.human", "leads": "app.human"}
WAITING = {"ContactId": "contacts:7", "LeadId": "leads:7"}
LINK = Link(
    1,
    "members",
    "CampaignMember",
    "00v",
    "app.member",
    "1",
    base={"CampaignId": "701", "ContactId": "003", "Status": "sent"},
)


@pytest.mark.parametrize("linked", ["ContactId", "LeadId"])
def test_a_row_says_only_who_its_person_is_in_salesforce(linked: str) -> None:
    waiting = {name: reference for name, reference in WAITING.items() if name != linked}
    assert chosen(FIELDS, {linked: "00x"}, waiting, ROW, TABLES) == ({linked: "00x"}, {})


def test_a_person_whom_nobody_knows_is_waited_for_whatever_it_becomes() -> None:
    assert chosen(FIELDS, {}, WAITING, ROW, TABLES) == ({}, {"ContactId": "app.human:7"})


def test_an_empty_column_says_nothing() -> None:
    assert chosen(
        FIELDS, {"ContactId": None, "LeadId": None, "Status": "x"}, {}, {"person": None}, TABLES
    ) == (
        {"Status": "x"},
        {},
    )


def test_a_member_without_any_person_is_left_out() -> None:
    hold = nobody(FIELDS, {"CampaignId": "701", "LeadId": None}, {})
    assert hold is not None
    assert (hold.outcome, hold.code) == (Outcome.SKIP, "mandatory_missing")
    assert nobody(FIELDS, {"LeadId": "00Q"}, {}) is None
    assert nobody(FIELDS, {}, {"ContactId": "app.human:7"}) is None


def test_members_of_a_campaign_that_is_not_linked_are_left_out() -> None:
    hold = not_linked(FIELDS, {"CampaignId": "701"})
    assert hold is not None
    assert (hold.outcome, hold.code) == (Outcome.SKIP, "reference_not_linked")
    assert not_linked(FIELDS, {"ContactId": "003"}) is None


def record(waiting: dict[str, str] | None = None, status: str = "sent", at: datetime = NOON) -> View:
    values = {"CampaignId": "701", "ContactId": "003", "LeadId": None, "Status": status}
    return View(Presence.PRESENT, values, changed_at=at, waiting=waiting or {})


@pytest.mark.parametrize(
    ("waiting", "outcome", "code"),
    [
        ({"CampaignId": "701"}, Outcome.SKIP, "reference_not_linked"),
        ({"CampaignId": "701", "ContactId": "003"}, Outcome.SKIP, "reference_not_linked"),
        ({"ContactId": "003"}, Outcome.WAIT, "waiting_for_reference"),
    ],
)
def test_a_member_that_cannot_be_placed_makes_no_row(
    waiting: dict[str, str], outcome: Outcome, code: str
) -> None:
    plan = decide(MEMBERS, None, record(waiting), MISSING)
    hold = plan.held[Side.POSTGRES]
    assert (plan.postgres, hold.outcome, hold.code) == (None, outcome, code)


def test_a_known_member_of_a_linked_campaign_makes_a_row() -> None:
    plan = decide(MEMBERS, None, record(), MISSING)
    assert plan.postgres is not None
    assert plan.postgres.values == {"CampaignId": "701", "ContactId": "003", "Status": "sent"}


def test_what_happens_to_a_member_of_an_unlinked_campaign_stays_where_it_is() -> None:
    ours = View(
        Presence.PRESENT, {"ContactId": "003", "Status": "sent"}, waiting={"CampaignId": "campaigns:1"}
    )
    theirs = View(Presence.PRESENT, {"Status": "attended"}, complete=False, changed_at=NOON)
    plan = decide(MEMBERS, LINK, theirs, ours)
    assert plan.postgres is None
    assert plan.held[Side.POSTGRES].code == "reference_not_linked"


def ours_with(status: str | None, at: datetime) -> View:
    values = {"CampaignId": "701", "ContactId": "003"} | ({} if status is None else {"Status": status})
    return View(Presence.PRESENT, values, changed_at=at)


LATER = NOON + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("own", "winner"),
    [(None, Side.POSTGRES), (NOON - timedelta(seconds=1), Side.POSTGRES), (NOON, Side.SALESFORCE)],
)
def test_what_salesforce_made_of_our_own_status_is_taken(own: datetime | None, winner: Side) -> None:
    link = replace(LINK, own=own, base={**LINK.base, "Status": "attended"})
    plan = decide(MEMBERS, link, record(status="sent"), ours_with("attended", LATER))
    assert (plan.postgres is not None) is (winner is Side.SALESFORCE)
    assert (plan.salesforce is not None) is (winner is Side.POSTGRES)


def test_a_status_that_the_row_does_not_tell_is_not_sent_back() -> None:
    plan = decide(MEMBERS, LINK, record(status="attended"), ours_with(None, LATER))
    assert plan.salesforce is None
    assert plan.postgres is not None


@pytest.mark.parametrize(
    ("at", "winner"), [(NOON, Side.POSTGRES), (LATER + timedelta(minutes=1), Side.SALESFORCE)]
)
def test_members_who_were_there_on_both_sides_keep_the_newer_status(at: datetime, winner: Side) -> None:
    plan = decide(MEMBERS, None, record(status="sent", at=at), ours_with("attended", LATER))
    assert (plan.salesforce is not None) is (winner is Side.POSTGRES)
    assert (plan.postgres is not None) is (winner is Side.SALESFORCE)
