"""The marketing tool of deploy/examples as its operators run it: who owns what, which way it goes, and the campaigns."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.support.databases import Databases
from tests.support.world_example import (
    Example,
    becomes,
    change,
    example,
    in_org,
    installed,
    make,
    operate,
    secrets_dir,
    told,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def marketing(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Example]:
    """The tool with an account and its people in the org, and a lead of its own, set up and running. Its tests share it."""
    async with example(databases, tmp_path_factory.mktemp("marketing"), "marketing") as world:
        acme = await make(world, "Account", Name="Acme", Industry="Energy")
        await make(world, "Contact", LastName="Okafor", Email="okafor@acme.example", AccountId=acme)
        await world.execute("INSERT INTO marketing.people (id, last_name, email, company, score) VALUES (1001, 'Lindqvist', 'l@b.example', 'Bygg', 10)")  # fmt: skip
        await installed(world)
        await world.start(extra=secrets_dir(world))
        await world.sf_id("people_lead", "1001")
        await becomes(world, "SELECT count(*) FROM marketing.people WHERE account_id IS NOT NULL", 1)
        yield world


@pytest.mark.requirement("S2-09", "S2-12", "S2-18", "S2-19", "S2-33")
async def test_who_owns_what(marketing: Example) -> None:
    """Accounts and opportunities come in and are Salesforce's; scores and events go out and are the tool's; people go both ways."""
    world = marketing
    [okafor] = await world.org.query("SELECT Id, AccountId FROM Contact")
    won = await make(world, "Opportunity", Name="Turbine", StageName="Prospecting", CloseDate="2027-01-31", AccountId=okafor["AccountId"])  # fmt: skip
    await make(
        world, "OpportunityContactRole", OpportunityId=won, ContactId=okafor["Id"], Role="Decision Maker"
    )
    await becomes(world, "SELECT opportunity FROM marketing.people_and_opportunities WHERE last_name = 'Okafor'", "Turbine")  # fmt: skip
    for statement in (
        "UPDATE marketing.accounts SET name = 'Mine'",
        "DELETE FROM marketing.opportunity_people",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.execute(statement)

    lead = await world.sf_id("people_lead", "1001")
    await world.execute("UPDATE marketing.people SET score = 55, interests = 'wind' WHERE id = 1001")
    await in_org(world, f"SELECT Score__c, Interests__c FROM Lead WHERE Id = '{lead}'", Score__c=55, Interests__c="wind")  # fmt: skip
    await change(world, "Lead", lead, Score__c=1, Interests__c="water")
    await becomes(world, "SELECT interests FROM marketing.people WHERE id = 1001", "water")
    assert await world.value("SELECT score FROM marketing.people WHERE id = 1001") == 55

    await world.execute("INSERT INTO marketing.events (person_id, subject, starts_at) VALUES (1001, 'Opened the brochure', '2026-10-01 09:00Z')")  # fmt: skip
    event = await in_org(world, "SELECT Id, WhoId, Subject FROM Event", WhoId=lead)
    await change(world, "Event", event["Id"], Subject="Changed over there")
    await make(world, "Event", Subject="Theirs", StartDateTime="2026-10-02T09:00:00Z", DurationInMinutes=30)
    await world.quiescent()
    assert await world.fetch("SELECT subject FROM marketing.events") == [{"subject": "Opened the brochure"}]

    explained = await told(world, "record", "explain", "people_lead", "1001", role="viewer")
    assert {field["field"]: field["rule"] for field in explained["plan"]["fields"]}["Score__c"] == "drift"
    refused = await operate(world, "step", "allow-delete", "events", "--count", "1", "--for", "1m", "--yes", role="viewer")  # fmt: skip
    assert refused.status == 77, refused.err
    expected = await told(world, "step", "expectations", "accounts", role="operator")
    assert expected["salesforce"]["synced"] == expected["salesforce"]["records"] == 1


async def _member(world: Example, campaign: str, person: str) -> dict[str, Any]:
    soql = f"SELECT Status, Source__c FROM CampaignMember WHERE CampaignId = '{campaign}' AND {person}"
    return await in_org(world, soql)


@pytest.mark.requirement(
    "S3-04", "S3-05", "S3-06", "S3-07", "S3-09", "S3-11", "S3-12", "S3-13", "S3-16", "S3-17"
)
async def test_campaigns_in_each_set_up(marketing: Example) -> None:
    """None, a new one, one with members, and one that is in Salesforce with members of its own."""
    world = marketing
    lead = await world.sf_id("people_lead", "1001")
    [okafor] = await world.org.query("SELECT Id FROM Contact")
    contact = await world.value("SELECT id FROM marketing.people WHERE last_name = 'Okafor'")
    await world.execute("INSERT INTO marketing.campaigns (id, name) VALUES (1, 'Quiet'), (2, 'Launch'), (3, 'Fair'), (4, 'Tour')")  # fmt: skip
    await world.execute("INSERT INTO marketing.members (campaign_id, person_id, status, source) VALUES (1, 1001, 'registered', 'web'), (3, 1001, 'attended', 'booth'), (4, 1001, 'registered', 'web')")  # fmt: skip
    tour = await make(world, "Campaign", Name="Tour of old", IsActive=False)
    await make(world, "CampaignMemberStatus", CampaignId=tour, Label="Invited", SortOrder=3)
    await make(world, "CampaignMember", CampaignId=tour, ContactId=okafor["Id"], Status="Invited")
    nobody = await make(world, "Lead", LastName="Nobody", Company="None")
    await make(world, "CampaignMember", CampaignId=tour, LeadId=nobody, Status="Sent")
    await world.quiescent()
    assert len(await world.org.query("SELECT Id FROM Campaign")) == 1, (
        "a campaign that nobody links is made nowhere"
    )

    await told(world, "campaign", "create", "2", "--yes")
    await told(world, "campaign", "create", "3", "--yes")
    linked = await told(world, "campaign", "link", "4", "--sf", tour, "--yes")
    assert linked["sf_id"] == tour
    launch, fair = await world.sf_id("campaigns", "2"), await world.sf_id("campaigns", "3")
    made = await in_org(world, f"SELECT Name, IsActive FROM Campaign WHERE Id = '{launch}'")
    assert made == {"Name": "Launch", "IsActive": True}
    assert (await _member(world, fair, f"LeadId = '{lead}'")) == {"Status": "Attended", "Source__c": "booth"}
    await _member(world, tour, f"LeadId = '{lead}'")
    await becomes(world, f"SELECT status FROM marketing.members WHERE campaign_id = 4 AND person_id = {contact}", "registered")  # fmt: skip
    await world.execute("INSERT INTO marketing.members (campaign_id, person_id) VALUES (2, 1001)")
    await _member(world, launch, f"LeadId = '{lead}'")
    labels = await world.org.query(f"SELECT Label FROM CampaignMemberStatus WHERE CampaignId = '{launch}'")
    assert {"Sent", "Attended", "No Show"} <= {row["Label"] for row in labels}

    [member] = await world.org.query(f"SELECT Id FROM CampaignMember WHERE CampaignId = '{launch}'")
    await world.execute("UPDATE marketing.members SET status = 'no_show' WHERE campaign_id = 2")
    await in_org(world, f"SELECT Status FROM CampaignMember WHERE Id = '{member['Id']}'", Status="No Show")
    await change(world, "CampaignMember", member["Id"], Status="Attended")
    await becomes(world, "SELECT status FROM marketing.members WHERE campaign_id = 2", "attended")

    await told(world, "campaign", "unlink", "3", "--yes")
    await world.execute("UPDATE marketing.members SET status = 'no_show' WHERE campaign_id = 3")
    await world.quiescent()
    assert (await _member(world, fair, f"LeadId = '{lead}'"))["Status"] == "Attended"
    assert await world.value("SELECT count(*) FROM marketing.people WHERE last_name = 'Nobody'") == 0
    assert await world.value("SELECT count(*) FROM marketing.members WHERE campaign_id = 4") == 2, (
        "only the known come in"
    )
    listed = {
        row["key"]: row["state"] for row in (await told(world, "campaign", "list", role="viewer"))["items"]
    }
    assert (listed["2"], listed["4"]) == ("linked", "linked")
    assert listed["3"] != "linked"
    waiting = await world.fetch("SELECT reason FROM isthmus.record_state WHERE step = 'campaign_members' AND state = 'waiting'")  # fmt: skip
    assert waiting, "what stands still says why"
