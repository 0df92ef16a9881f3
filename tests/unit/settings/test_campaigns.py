"""The section `campaigns`: what it becomes, and what is refused."""

import pytest

from daemon.domain.policy import Policy
from daemon.domain.side import Direction
from daemon.settings.errors import SettingsError
from daemon.settings.resolve import wanted_objects, wanted_tables
from tests.support.road_campaigns import TEXT, campaign_settings

TYPES = "      default: registered\n"
MAIL = TYPES + "    mail:\n      statuses: { registered: Sent, opened: Opened }\n      default: opened\n"


def test_it_becomes_two_steps_on_the_one_road() -> None:
    settings = campaign_settings()
    assert [step.name for step in settings.steps] == ["contacts", "leads", "campaigns", "campaign_members"]
    campaigns, members = settings.steps[2:]
    assert (campaigns.push.create, campaigns.pull.behaviour) == ("on_request", "update_only")
    assert [(field.salesforce, field.postgres) for field in campaigns.fields] == [
        ("Name", "title"),
        ("IsActive", None),
        ("Description", "about"),
    ]
    assert members.direction is Direction.TWO_WAY
    assert [(field.salesforce, field.postgres) for field in members.fields] == [
        ("CampaignId", "campaign"),
        ("ContactId", "person"),
        ("LeadId", "person"),
        ("Status", "status"),
        ("Source__c", "note"),
    ]
    status = members.fields[3]
    assert status.conflict is not None
    assert status.conflict.policy is Policy.PUSH_ALWAYS
    assert status.values is not None
    assert status.values.map == {"Sent": "registered", "Attended": "attended", "No Show": "no_show"}
    assert (status.values.default.pull, status.values.default.push) == ("registered", "keep")
    assert wanted_objects(settings) == ("Contact", "Lead", "Campaign", "CampaignMember")
    assert wanted_tables(settings) == ("app.human", "app.campaign", "app.member")


def test_statuses_that_are_spelled_the_same_are_a_list() -> None:
    settings = campaign_settings(
        ("{ registered: Sent, attended: Attended, no_show: No Show }", "[Sent, Attended]"),
        ("default: registered", "default: Sent"),
    )
    status = settings.steps[-1].fields[3]
    assert status.values is not None
    assert status.values.map == {"Sent": "Sent", "Attended": "Attended"}


def test_without_types_statuses_travel_as_they_are() -> None:
    types = """\
  types:
    webinar:
      statuses: { registered: Sent, attended: Attended, no_show: No Show }
      default: registered
"""
    assert campaign_settings((types, "")).steps[-1].fields[3].values is None


def test_a_fallback_of_the_members_goes_before_those_of_the_types() -> None:
    settings = campaign_settings(
        ("    status: status\n", "    status: status\n    default: attended\n"), (TYPES, MAIL)
    )
    status = settings.steps[-1].fields[3]
    assert status.values is not None
    assert status.values.default.pull == "attended"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("steps: [contacts, leads]", "steps: [contacts, lead]", "there is no step lead; did you mean leads?"),
        ("steps: [contacts, leads]", "steps: [contacts, contacts]", None),
        (
            "object: Lead",
            "object: Account",
            "the step leads syncs Account, and members are contacts or leads",
        ),
        ("object: Lead", "object: Contact", "contacts and leads both sync Contact"),
        (
            "  table: app.campaign\n",
            "  name: leads\n  table: app.campaign\n",
            "a step is called leads already",
        ),
        (
            "    table: app.member\n",
            "    name: campaigns\n    table: app.member\n",
            "a step is called campaigns already",
        ),
        ("default: registered", "default: registred", "registred is no status of this type"),
        (TYPES, MAIL, "the types have different defaults"),
        (TYPES, MAIL.replace("opened: Opened", "opened: Attended"), "opened = Attended is another pair"),
        ("  type: kind\n", "", None),
        ("    status: status\n", "    status: status\n    default: odd\n", "odd is no status of any type"),
        ("  - name: leads\n", "  - name: leads\n    enabled: false\n", "the step leads does not run"),
    ],
)
def test_what_does_not_fit_is_refused(old: str, new: str, what: str | None) -> None:
    if what is None:
        assert campaign_settings((old, new)).campaigns is not None
        return
    with pytest.raises(SettingsError) as caught:
        campaign_settings((old, new))
    assert what in "\n".join(str(problem) for problem in caught.value.problems)


def test_several_types_need_a_column_that_tells_them_apart() -> None:
    with pytest.raises(SettingsError) as caught:
        campaign_settings(("  type: kind\n", ""), (TYPES, MAIL))
    assert "no column tells them apart" in str(caught.value.problems)


def test_persons_of_two_tables_are_refused() -> None:
    leads = "object: Lead }\n    postgres: { table: app.human }"
    with pytest.raises(SettingsError) as caught:
        campaign_settings((leads, leads.replace("human", "other")))
    assert "can hold keys of one table" in str(caught.value.problems)


def test_what_is_wrong_with_the_steps_of_campaigns_is_told_at_their_own_section() -> None:
    known = campaign_settings()
    index = next(n for n, step in enumerate(known.steps) if step.salesforce.object == "CampaignMember")
    line = next(n for n, text in enumerate(TEXT.splitlines(), 1) if text == "campaigns:")
    assert known.origin(("steps", index, "fields")).line == line
    assert known.spoken(("steps", index, "fields")) == "campaigns"
    assert known.spoken(("steps", 0, "fields")) == "steps[contacts].fields"
