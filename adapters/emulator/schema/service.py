"""The standard objects for service and email: Case, EmailMessage, and who an email went to."""

from __future__ import annotations

from dataclasses import replace

from adapters.emulator.schema.build import (
    area,
    choice,
    create_only,
    flag,
    moment,
    owner,
    quiet,
    read_only,
    reference,
    system_head,
    system_tail,
    text,
)
from adapters.emulator.schema.field import PicklistValue
from adapters.emulator.schema.sobject import SObject

CASE = SObject(
    name="Case", label="Case", label_plural="Cases", key_prefix="500", assigned=True,
    fields=(
        *system_head(),
        read_only(replace(text("CaseNumber", 30), auto_number=True, name_field=True)),
        reference("ContactId", "Contact", children="Cases"), reference("AccountId", "Account", children="Cases"),
        reference("ParentId", "Case", children="Cases"),
        text("SuppliedName", 80), text("SuppliedEmail", 80),
        choice("Type", ("Question", "Problem", "Feature Request")),
        choice("Status", ("New", "Working", "Escalated", "Closed"), default="New"),
        choice("Reason", ("Installation", "Performance", "Breakdown", "Feedback", "Other")),
        choice("Origin", ("Phone", "Email", "Web")), text("Subject", 255),
        choice("Priority", ("High", "Medium", "Low"), default="Medium"), area("Description"),
        read_only(flag("IsClosed")), read_only(moment("ClosedDate")), flag("IsEscalated"), owner(),
        *system_tail(),
    ),
)  # fmt: skip

_EMAIL_STATUSES = (
    ("0", "New"),
    ("1", "Read"),
    ("2", "Replied"),
    ("3", "Sent"),
    ("4", "Forwarded"),
    ("5", "Draft"),
)

EMAIL_MESSAGE = SObject(
    name="EmailMessage", label="Email Message", label_plural="Email Messages", key_prefix="02s",
    fields=(
        *system_head(),
        create_only(reference("ParentId", "Case", children="EmailMessages", cascade=True)),
        create_only(reference("ActivityId", "Task", children="EmailMessages")),
        reference("RelatedToId", "Account", "Opportunity", "Campaign", "Case", children="Emails"),
        replace(text("Subject", 3000), name_field=True), area("TextBody", 131_072),
        replace(area("HtmlBody", 131_072), html=True), area("Headers", 32_000),
        text("FromName"), text("FromAddress"), text("ToAddress", 4000), text("CcAddress", 4000),
        text("BccAddress", 4000),
        create_only(flag("Incoming")), quiet(read_only(flag("HasAttachment"))),
        replace(
            choice("Status", (), default="0", required=True, restricted=True),
            picklist=tuple(PicklistValue(value, label, default=value == "0") for value, label in _EMAIL_STATUSES),
        ),
        moment("MessageDate"), create_only(text("MessageIdentifier")), create_only(text("ThreadIdentifier")),
        flag("IsExternallyVisible"),
        *system_tail(),
    ),
)  # fmt: skip

EMAIL_MESSAGE_RELATION = SObject(
    name="EmailMessageRelation", label="Email Message Relation", label_plural="Email Message Relations",
    key_prefix="0CZ", change_events=False,
    fields=(
        *system_head(),
        create_only(reference("EmailMessageId", "EmailMessage", children="EmailMessageRelations", required=True,
                              cascade=True)),
        reference("RelationId", "Contact", "Lead", "User", children="EmailMessageRelations"),
        choice("RelationType", ("ToAddress", "CcAddress", "BccAddress", "FromAddress", "OtherAddress"), required=True,
               restricted=True),
        create_only(text("RelationAddress")), read_only(text("RelationObjectType", 40)),
        *system_tail(),
    ),
)  # fmt: skip
