"""The standard objects for campaigns and activities: Campaign, its members and statuses, Task and Event."""

from __future__ import annotations

from dataclasses import replace

from adapters.emulator.schema.build import (
    area,
    choice,
    create_only,
    day,
    flag,
    moment,
    money,
    number,
    owner,
    percent,
    quiet,
    read_only,
    reference,
    system_head,
    system_tail,
    text,
    whole,
)
from adapters.emulator.schema.field import Field
from adapters.emulator.schema.sobject import SObject


def _links(children: str) -> tuple[Field, Field]:
    """Who an activity is with, and what it is about."""
    who = reference("WhoId", "Contact", "Lead", children=children)
    what = reference("WhatId", "Account", "Opportunity", "Campaign", "Case", children=children)
    return replace(who, activity_link=True), replace(what, activity_link=True)


CAMPAIGN = SObject(
    name="Campaign", label="Campaign", label_plural="Campaigns", key_prefix="701",
    fields=(
        *system_head(),
        replace(text("Name", 80, required=True), name_field=True),
        reference("ParentId", "Campaign", children="ChildCampaigns"),
        choice("Type", ("Conference", "Webinar", "Trade Show", "Public Relations", "Partners", "Referral Program",
                        "Advertisement", "Banner Ads", "Direct Mail", "Email", "Telemarketing", "Other")),
        choice("Status", ("Planned", "In Progress", "Completed", "Aborted"), default="Planned"),
        day("StartDate"), day("EndDate"), money("ExpectedRevenue", 18, 2), money("BudgetedCost", 18, 2),
        money("ActualCost", 18, 2), percent("ExpectedResponse", 10, 2), number("NumberSent", 18, 0), flag("IsActive"),
        area("Description"), owner(),
        *system_tail(),
        quiet(read_only(day("LastActivityDate"))),
    ),
)  # fmt: skip

CAMPAIGN_MEMBER = SObject(
    name="CampaignMember", label="Campaign Member", label_plural="Campaign Members", key_prefix="00v", hard_delete=True,
    fields=(
        *system_head(),
        create_only(reference("CampaignId", "Campaign", children="CampaignMembers", required=True, cascade=True)),
        create_only(reference("LeadId", "Lead", children="CampaignMembers", cascade=True)),
        create_only(reference("ContactId", "Contact", children="CampaignMembers", cascade=True)),
        text("Status", 40),
        read_only(flag("HasResponded")), read_only(day("FirstRespondedDate")),
        *(quiet(read_only(text(name, length))) for name, length in (
            ("Name", 121), ("FirstName", 40), ("LastName", 80), ("Title", 128), ("Email", 80), ("Phone", 40),
            ("CompanyOrAccount", 255), ("LeadOrContactId", 18),
        )),
        *system_tail(),
    ),
)  # fmt: skip

CAMPAIGN_MEMBER_STATUS = SObject(
    name="CampaignMemberStatus", label="Campaign Member Status", label_plural="Campaign Member Statuses",
    key_prefix="01Y",
    fields=(
        *system_head(),
        create_only(reference("CampaignId", "Campaign", children="CampaignMemberStatuses", required=True,
                              cascade=True)),
        text("Label", 40, required=True), whole("SortOrder"), flag("IsDefault"), flag("HasResponded"),
        *system_tail(),
    ),
)  # fmt: skip

TASK = SObject(
    name="Task", label="Task", label_plural="Tasks", key_prefix="00T",
    fields=(
        *system_head(),
        *_links("Tasks"),
        text("Subject", 255), day("ActivityDate"),
        choice("Status", ("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"),
               default="Not Started", required=True),
        choice("Priority", ("High", "Normal", "Low"), default="Normal", required=True),
        read_only(flag("IsHighPriority")), owner(), area("Description"), read_only(flag("IsClosed")),
        read_only(flag("IsArchived")), choice("TaskSubtype", ("Task", "Email", "Call"), default="Task"),
        choice("CallType", ("Internal", "Inbound", "Outbound")), whole("CallDurationInSeconds"),
        text("CallDisposition"), moment("ReminderDateTime"), flag("IsReminderSet"),
        *system_tail(),
    ),
)  # fmt: skip

EVENT = SObject(
    name="Event", label="Event", label_plural="Events", key_prefix="00U",
    fields=(
        *system_head(),
        *_links("Events"),
        text("Subject", 255), text("Location", 255), flag("IsAllDayEvent"), moment("StartDateTime"),
        moment("EndDateTime"), whole("DurationInMinutes"), moment("ActivityDateTime"), day("ActivityDate"),
        area("Description"), owner(), choice("ShowAs", ("Busy", "OutOfOffice", "Free"), default="Busy"),
        flag("IsPrivate"), read_only(flag("IsChild")), read_only(flag("IsGroupEvent")),
        read_only(choice("GroupEventType", ("0", "1", "2", "3"), default="0")), read_only(flag("IsArchived")),
        read_only(flag("IsRecurrence")), moment("ReminderDateTime"), flag("IsReminderSet"),
        choice("EventSubtype", ("Event",), default="Event"),
        *system_tail(),
    ),
)  # fmt: skip
