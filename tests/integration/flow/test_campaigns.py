"""Campaigns with members and statuses: the four ways to set them up, and what travels from then on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.mapping import Steps
from daemon.flow.jobs import JobRunner
from daemon.operations import campaigns, linking
from daemon.ports.jobs import JobKind, JobState
from daemon.ports.salesforce import RecordWrite, WriteResult
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import shift
from tests.support.road_campaigns import Campaigning, campaigning


@pytest.mark.requirement("S3-04")
async def test_a_campaign_without_a_link_causes_no_call(make_road: MakeRoad) -> None:
    here = await campaigning(make_road)
    person, _ = await here.contact("Hill")
    await here.road.settle()
    await here.road.forget_calls()
    campaign = await here.campaign("Only ours")
    member = await here.member(campaign, person, "registered")
    await here.road.settle()
    await here.road.update("member", member, status="attended")
    await here.road.settle()
    assert await here.road.calls() == []
    assert here.road.org.rows("Campaign") == []
    assert await here.members() == {person: "attended"}
    listed = await campaigns.listed(here.road.office, limit=10, cursor=None)
    assert [(item["key"], item["name"], item["state"]) for item in listed["items"]] == [
        (campaign, "Only ours", "none")
    ]


@pytest.mark.requirement("S3-02", "S3-07", "S3-08", "S3-09", "S3-10")
async def test_a_new_campaign_has_its_statuses_before_its_first_member(make_road: MakeRoad) -> None:
    here = await campaigning(make_road)
    campaign = await here.campaign("Spring")
    await campaigns.create(here.road.office, campaign, "ann")
    await here.road.settle()
    [made] = here.road.org.rows("Campaign")
    assert (made["Name"], made["IsActive"]) == ("Spring", True)
    assert here.labels(str(made["Id"])) == ["Sent", "Responded", "Attended", "No Show"]
    await here.road.quiet()
    shift(here.road, 5)
    await here.road.update("campaign", campaign, about="flowers")
    here.road.org.update("Campaign", str(made["Id"]), {"Name": "Summer"})
    await here.road.settle()
    row, record = (
        await here.road.row("campaign", campaign) or {},
        here.road.record("Campaign", str(made["Id"])),
    )
    assert (row["title"], record["Name"]) == ("Summer", "Summer")
    assert (row["about"], record["Description"]) == ("flowers", "flowers")


@pytest.mark.requirement("S3-03", "S3-14", "S3-15", "S3-16")
async def test_an_old_campaign_goes_out_with_its_members_fields_and_statuses(make_road: MakeRoad) -> None:
    here = await campaigning(make_road)
    contact, contact_id = await here.contact("Hill")
    lead, lead_id = await here.lead("Vale")
    campaign = await here.campaign("Spring")
    await here.member(campaign, contact, "attended", note="by mail")
    await here.member(campaign, lead, "no_show")
    await here.road.settle()
    await campaigns.create(here.road.office, campaign, "ann")
    await here.road.settle()
    [made] = here.road.org.rows("Campaign")
    assert made["Name"] == "Spring"
    assert here.labels(str(made["Id"])) == ["Sent", "Responded", "Attended", "No Show"]
    assert here.theirs() == {contact_id: "Attended", lead_id: "No Show"}
    assert {row.get("Source__c") for row in here.road.org.rows("CampaignMember")} == {"by mail", None}
    await here.road.in_step()
    await here.road.quiet()


async def theirs_with(here: Campaigning, *statuses: str, **values: object) -> str:
    """A campaign of Salesforce with further statuses, as yet without a link."""
    sf_id = here.road.org.create("Campaign", {"Name": "Theirs", **values})
    for place, label in enumerate(statuses, start=3):
        status = {"CampaignId": sf_id, "Label": label, "SortOrder": place}
        here.road.org.create("CampaignMemberStatus", status)
    await here.road.settle()
    return sf_id


async def link(here: Campaigning, campaign: str, sf_id: str) -> dict[str, Any]:
    """Link, and let the ordered load of the members be worked on, and all that follows."""
    made = await campaigns.link(here.road.office, campaign, sf_id, "ann")
    runner = JobRunner(here.road.parts, here.road.jobs, {JobKind.LOAD: here.road.ordered().work})
    assert await runner.once()
    job = await here.road.jobs.get(made["job"])
    assert job is not None
    assert job.state is JobState.DONE, job.failure
    await here.road.settle()
    return made


def join(here: Campaigning, campaign: str, status: str, **person: str) -> str:
    """A person becomes a member in Salesforce."""
    values = {"CampaignId": campaign, "Status": status, **person}
    return here.road.org.create("CampaignMember", values)


@pytest.mark.requirement("S3-05", "S3-06", "S3-11", "S3-12", "S3-13", "S3-21", "S3-23", "S3-28")
@pytest.mark.parametrize("active", [True, False])
async def test_the_members_of_a_campaign_that_is_there_come_in(make_road: MakeRoad, active: bool) -> None:
    here = await campaigning(make_road)
    contact, contact_id = await here.contact("Hill")
    lead, lead_id = await here.lead("Vale")
    [stranger] = here.road.org.load("Contact", [{"LastName": "Nobody"}])
    theirs = await theirs_with(here, "Attended", "Left early", IsActive=active)
    join(here, theirs, "Attended", ContactId=contact_id, Source__c="web")
    join(here, theirs, "Left early", LeadId=lead_id)
    unknown = join(here, theirs, "Attended", ContactId=stranger)
    await here.road.settle()
    assert await here.members() == {}
    campaign = await here.campaign("Ours")
    made = await link(here, campaign, theirs)
    assert made["unknown_statuses"] == ["Responded", "Left early"]
    assert "Left early" in str(made["warning"])
    assert await here.members() == {contact: "attended", lead: "registered"}
    rows = {str(row["person"]): row["note"] for row in await here.road.rows("member")}
    assert rows == {contact: "web", lead: None}
    [campaign_there] = here.road.org.rows("Campaign")
    assert campaign_there["IsActive"] is active
    assert here.theirs() == {contact_id: "Attended", lead_id: "Left early", stranger: "Attended"}
    states = await here.road.app.fetch("SELECT sf_id, state, reason FROM isthmus.record_state")
    told = f"other: ContactId points to {stranger}, which is not linked yet."
    found = [(row["state"], row["reason"]) for row in states if row["sf_id"] == unknown]
    assert found == [("waiting", told)]
    skips = [entry for entry in await here.road.journal() if entry["sf_id"] == unknown]
    assert {entry["code"] for entry in skips} == {"reference_not_linked", "waiting_for_reference"}


@pytest.mark.requirement(
    "S3-01", "S3-03", "S3-05", "S3-17", "S3-18", "S3-19", "S3-20", "S3-22", "S3-23", "S3-25"
)
async def test_two_campaigns_with_members_of_their_own_are_joined(make_road: MakeRoad) -> None:
    here = await campaigning(make_road)
    both, both_id = await here.contact("Hill")
    ours, ours_id = await here.lead("Vale")
    theirs, theirs_id = await here.contact("Dale")
    nobody = await here.human("Nobody")
    newer, newer_id = await here.contact("Moor")
    sf_id = await theirs_with(here, "Attended", "No Show", "Odd")
    shift(here.road, -600)
    join(here, sf_id, "Sent", ContactId=both_id)
    join(here, sf_id, "Odd", ContactId=theirs_id)
    shift(here.road, 1200)
    join(here, sf_id, "No Show", ContactId=newer_id)
    await here.road.settle()
    campaign = await here.campaign("Ours")
    members = {
        person: await here.member(campaign, person, status, note=f"of {person}")
        for person, status in (
            (both, "attended"),
            (ours, "no_show"),
            (nobody, "attended"),
            (newer, "attended"),
        )
    }
    await here.road.settle()
    await link(here, campaign, sf_id)
    wanted = {both_id: "Attended", ours_id: "No Show", theirs_id: "Odd", newer_id: "No Show"}
    assert here.theirs() == wanted
    assert await here.members() == {
        both: "attended",
        newer: "no_show",
        ours: "no_show",
        theirs: "registered",
        nobody: "attended",
    }
    sources = {row.get("Source__c") for row in here.road.org.rows("CampaignMember")}
    assert sources == {f"of {both}", f"of {ours}", f"of {newer}", None}
    last = {
        entry["key"]: (entry["outcome"], entry["code"])
        for entry in await here.road.journal()
        if entry["step"] == "campaign_members"
    }
    skipped = ("skip", "waiting_for_reference")
    assert [key for key, what in last.items() if what == skipped] == [members[nobody]]
    waiting = await here.road.app.fetch(
        "SELECT key, state, reason FROM isthmus.record_state WHERE state = 'waiting'"
    )
    told = f"other: ContactId points to app.human:{nobody}, which is not linked yet."
    assert [row["reason"] for row in waiting] == [told]
    await here.road.in_step()


async def test_a_member_goes_on_once_the_person_is_known(make_road: MakeRoad) -> None:
    here = await campaigning(make_road)
    campaign = await here.campaign("Ours")
    sf_id = await theirs_with(here, "Attended")
    await link(here, campaign, sf_id)
    person = await here.human("Late")
    [stranger] = here.road.org.load("Contact", [{"LastName": "Later"}])
    await here.member(campaign, person, "attended")
    join(here, sf_id, "Attended", ContactId=stranger)
    await here.road.settle()
    assert len(here.road.org.rows("CampaignMember")) == 1
    [lead] = here.road.org.load("Lead", [{"LastName": "Late", "Company": "A", "Email": "late@acme.example"}])
    await linking.create(here.road.office, "leads", person, lead, "none", "ann")
    second = await here.human("Later")
    await linking.create(here.road.office, "contacts", second, stranger, "none", "ann")
    await here.road.settle()
    assert here.theirs() == {stranger: "Attended", lead: "Attended"}
    assert await here.members() == {person: "attended", second: "attended"}
    await here.road.quiet()


@pytest.mark.requirement("S3-24", "S3-29", "S3-30")
async def test_a_status_that_the_other_side_lacks_becomes_its_default_and_nothing_loops(
    make_road: MakeRoad,
) -> None:
    here = await campaigning(make_road)
    person, person_id = await here.contact("Hill")
    other, other_id = await here.lead("Vale")
    campaign = await here.campaign("Ours")
    sf_id = await theirs_with(here, "Odd")
    await link(here, campaign, sf_id)
    await here.member(campaign, person, "attended")
    await here.member(campaign, other, "of my own")
    await here.road.settle()
    shift(here.road, 5)
    await here.road.settle()
    assert here.theirs() == {person_id: "Sent", other_id: "Sent"}
    assert await here.members() == {person: "registered", other: "registered"}
    await here.road.quiet()
    for label in ("Odd", "Sent", "Odd"):
        shift(here.road, 60)
        [member, *_] = here.road.org.rows("CampaignMember")
        here.road.org.update("CampaignMember", str(member["Id"]), {"Status": label})
        await here.road.settle()
        assert await here.members() == {person: "registered", other: "registered"}
    await here.road.quiet()


@pytest.mark.requirement("S3-29")
async def test_a_status_that_is_unknown_here_becomes_the_default_each_time(make_road: MakeRoad) -> None:
    here = await campaigning(make_road)
    person, _ = await here.contact("Hill")
    campaign = await here.campaign("Ours")
    sf_id = await theirs_with(here, "Attended", "Odd")
    await link(here, campaign, sf_id)
    await here.member(campaign, person, "attended")
    await here.road.settle()
    for label, local in (("Odd", "registered"), ("Attended", "attended"), ("Odd", "registered")):
        shift(here.road, 60)
        [member] = here.road.org.rows("CampaignMember")
        here.road.org.update("CampaignMember", str(member["Id"]), {"Status": label})
        await here.road.settle()
        assert await here.members() == {person: local}
    assert [row["Status"] for row in here.road.org.rows("CampaignMember")] == ["Odd"], "it is theirs to keep"
    await here.road.quiet()


@pytest.mark.requirement("S3-26", "S3-27")
async def test_a_status_always_goes_out_and_comes_in_only_when_it_is_newer(make_road: MakeRoad) -> None:
    here = await campaigning(make_road)
    person, person_id = await here.contact("Hill")
    campaign = await here.campaign("Ours")
    sf_id = await theirs_with(here, "Attended", "No Show")
    await link(here, campaign, sf_id)
    member = await here.member(campaign, person, "attended")
    await here.road.settle()
    [theirs] = here.road.org.rows("CampaignMember")
    shift(here.road, 3600)
    here.road.org.update("CampaignMember", str(theirs["Id"]), {"Status": "No Show"})
    await here.road.update("member", member, status="registered")  # an hour before, by Salesforce's clock
    await here.road.settle()
    assert here.theirs() == {person_id: "Sent"}
    here.road.org.update("CampaignMember", str(theirs["Id"]), {"Status": "No Show"})
    await here.road.settle()
    assert await here.members() == {person: "no_show"}
    ahead = here.road.parts.clock.now() + timedelta(hours=5)
    await here.road.update("member", member, changed_at=ahead)
    await here.road.settle()
    shift(here.road, 60)
    here.road.org.update("CampaignMember", str(theirs["Id"]), {"Status": "Attended"})
    await here.road.settle()
    assert await here.members() == {person: "no_show"}
    assert here.theirs() == {person_id: "No Show"}


async def test_members_stand_still_while_their_campaign_is_unlinked(make_road: MakeRoad) -> None:
    here = await campaigning(make_road)
    person, _ = await here.contact("Hill")
    campaign = await here.campaign("Ours")
    sf_id = await theirs_with(here, "Attended", "No Show")
    await link(here, campaign, sf_id)
    member = await here.member(campaign, person, "attended")
    await here.road.settle()
    await campaigns.unlink(here.road.office, campaign, "ann")
    [theirs] = here.road.org.rows("CampaignMember")
    shift(here.road, 60)
    here.road.org.update("CampaignMember", str(theirs["Id"]), {"Status": "No Show"})
    await here.road.update("member", member, note="changed")
    await here.road.settle()
    assert await here.members() == {person: "attended"}
    assert here.road.org.rows("CampaignMember")[0].get("Source__c") is None
    await link(here, campaign, sf_id)
    assert here.road.org.rows("CampaignMember")[0].get("Source__c") == "changed"
    assert await here.members() == {person: "no_show"}


async def test_members_wait_for_statuses_that_cannot_be_made_and_for_no_others(make_road: MakeRoad) -> None:
    here = await campaigning(make_road)
    person, person_id = await here.contact("Hill")
    campaign = await here.campaign("Ours")
    await here.member(campaign, person, "attended")
    await here.road.settle()
    await here.road.control.post("permissions", object="CampaignMemberStatus", createable=False)
    await campaigns.create(here.road.office, campaign, "ann")
    await here.road.settle()
    assert here.theirs() == {}
    [parked] = [change for change in await here.road.changes() if change["state"] == "parked"]
    assert parked["step"] == "campaign_members"
    assert "statuses of its campaign" in parked["reason"]
    await here.road.control.post("permissions", object="CampaignMemberStatus")
    await here.road.inspection.retry(ids=[parked["id"]], step=None, code=None, operator="ann")
    await here.road.settle()
    assert here.theirs() == {person_id: "Attended"}


class StatusesAway:
    """Records of an org that turns away whatever is to be made of statuses, and nothing else."""

    def __init__(self, records: Any) -> None:
        self._records = records
        self.away = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    async def write(
        self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        if name != "CampaignMemberStatus" or not self.away:
            written: list[WriteResult] = await self._records.write(name, fields, writes)
            return written
        failure = Failure(FailureKind.TRANSIENT, Reason.TRANSPORT, "HTTP_503", "Away.", "Wait.")
        return [WriteResult(id=write.id, failure=failure, shared=True) for write in writes]


async def test_statuses_that_are_turned_away_for_a_moment_park_nobody(make_road: MakeRoad) -> None:
    here = await campaigning(make_road)
    road = here.road
    person, person_id = await here.contact("Hill")
    campaign = await here.campaign("Ours")
    await here.member(campaign, person, "attended")
    await road.settle()
    away = StatusesAway(road.worker._live.records)
    road.worker._live = replace(road.worker._live, records=away)
    await campaigns.create(road.office, campaign, "ann")
    for _ in range(4):
        await road.worker.round()
    assert [change["state"] for change in await road.changes()] == ["pending"]
    away.away = False
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await road.settle()
    assert here.theirs() == {person_id: "Attended"}


async def test_a_campaign_whose_type_is_known_later_has_its_statuses_then(make_road: MakeRoad) -> None:
    here = await campaigning(make_road)
    person, person_id = await here.contact("Hill")
    campaign = await here.campaign("Ours", kind="unheard of")
    await campaigns.create(here.road.office, campaign, "ann")
    await here.road.settle()
    await here.road.update("campaign", campaign, kind="webinar")
    await here.road.settle()
    await here.member(campaign, person, "attended")
    await here.road.settle()
    shift(here.road, 5)
    await here.road.settle()
    assert here.theirs() == {person_id: "Attended"}
    assert await here.members() == {person: "attended"}


async def test_a_status_that_a_reload_adds_to_the_type_is_made(make_road: MakeRoad) -> None:
    here = await campaigning(make_road)
    road = here.road
    person, person_id = await here.contact("Hill")
    campaign = await here.campaign("Ours")
    await campaigns.create(road.office, campaign, "ann")
    await road.settle()
    member = await here.member(campaign, person, "registered")
    await road.settle()
    other = await campaigning(make_road, ("no_show: No Show", "no_show: No Show, waiting: Waitlisted"))
    road.parts.in_force.replace(Steps(other.road.parts.steps.ordered))
    shift(road, 5)
    await road.update("member", member, status="waiting")
    await road.settle()
    shift(road, 5)
    await road.settle()
    assert await here.members() == {person: "waiting"}
    assert here.theirs() == {person_id: "Waitlisted"}
