"""What an object's own rules make of a row before it is stored: names put together, statuses looked up, flags that follow."""

from __future__ import annotations

from collections.abc import Callable

from adapters.emulator.clock import parse_datetime, rest_datetime
from adapters.emulator.errors import RecordRefused
from adapters.emulator.store import person_accounts
from adapters.emulator.store.records import Records
from adapters.emulator.store.values import Row

_STAGES: dict[str, tuple[float, str]] = {
    "Prospecting": (10, "Pipeline"),
    "Qualification": (10, "Pipeline"),
    "Needs Analysis": (20, "Pipeline"),
    "Value Proposition": (50, "Pipeline"),
    "Id. Decision Makers": (60, "Pipeline"),
    "Perception Analysis": (70, "Pipeline"),
    "Proposal/Price Quote": (75, "Pipeline"),
    "Negotiation/Review": (90, "Pipeline"),
    "Closed Won": (100, "Closed"),
    "Closed Lost": (0, "Omitted"),
}
_DRAFT = "5"
_SENT_FOR_GOOD = (
    "FromAddress",
    "ToAddress",
    "CcAddress",
    "BccAddress",
    "Subject",
    "TextBody",
    "HtmlBody",
    "MessageDate",
)
_COPIED_FROM_PERSON = ("Name", "FirstName", "LastName", "Title", "Email", "Phone")


def derive(records: Records, sobject: str, row: Row, before: Row | None) -> None:
    """Complete a row that is about to be stored, in place. `before` is its stored form, None on create. Raises RecordRefused."""
    if sobject.endswith("__c") and row.get("Name") in {None, "generated"}:
        row["Name"] = row["Id"]
    rule = _RULES.get(sobject)
    if rule is not None:
        rule(records, row, before)


def _person(_records: Records, row: Row, _before: Row | None) -> None:
    parts = (row.get("FirstName"), row.get("MiddleName"), row.get("LastName"), row.get("Suffix"))
    row["Name"] = " ".join(str(part) for part in parts if part)


def _lead(records: Records, row: Row, before: Row | None) -> None:
    if before is not None and before.get("IsConverted"):
        raise RecordRefused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    _person(records, row, before)


def _account(records: Records, row: Row, before: Row | None) -> None:
    if records.switches.person_accounts:
        person_accounts.settle(records, row, before)


def _case(records: Records, row: Row, before: Row | None) -> None:
    if before is None and "CaseNumber" not in row:
        row["CaseNumber"] = f"{records.next_number('Case'):08d}"
    row["IsClosed"] = row.get("Status") == "Closed"
    if row["IsClosed"]:
        row.setdefault("ClosedDate", records.clock.stamp())
    else:
        row.pop("ClosedDate", None)


def _event(_records: Records, row: Row, before: Row | None) -> None:
    """Start, end and duration of an event follow from each other. Raises RecordRefused."""
    start, end = row.get("StartDateTime"), row.get("EndDateTime")
    if start is None:
        raise RecordRefused(
            "REQUIRED_FIELD_MISSING", "Required fields are missing: [StartDateTime]", ("StartDateTime",)
        )
    first = parse_datetime(str(start))
    minutes = row.get("DurationInMinutes")
    same_end = before is not None and before.get("EndDateTime") == end
    if end is None or (same_end and before is not None and before.get("DurationInMinutes") != minutes):
        end = rest_datetime(first + 60 * int(minutes or 0))
    length = parse_datetime(str(end)) - first
    if length < 0:
        raise RecordRefused(
            "FIELD_INTEGRITY_EXCEPTION", "Event duration cannot be negative", ("DurationInMinutes",)
        )
    row |= {
        "EndDateTime": end,
        "DurationInMinutes": length // 60,
        "ActivityDateTime": start,
        "ActivityDate": str(start)[:10],
    }


def _email_message(_records: Records, row: Row, before: Row | None) -> None:
    """Only a draft can be written again. Raises RecordRefused."""
    if before is None or before.get("Status") == _DRAFT:
        return
    for name in _SENT_FOR_GOOD:
        if row.get(name) != before.get(name):
            raise RecordRefused(
                "INSUFFICIENT_ACCESS_OR_READONLY", "An email that is no draft cannot be changed", (name,)
            )


def _opportunity(_records: Records, row: Row, before: Row | None) -> None:
    stage = str(row.get("StageName") or "")
    row["IsClosed"] = stage.startswith("Closed ")
    row["IsWon"] = stage == "Closed Won"
    moved = before is None or before.get("StageName") != stage
    if not moved or stage not in _STAGES:
        return
    probability, category = _STAGES[stage]
    if "Probability" not in row or (
        before is not None and before.get("Probability") == row.get("Probability")
    ):
        row["Probability"] = probability
    if "ForecastCategoryName" not in row or before is not None:
        row["ForecastCategoryName"] = category


def _task(_records: Records, row: Row, _before: Row | None) -> None:
    row["IsClosed"] = row.get("Status") == "Completed"
    row["IsHighPriority"] = row.get("Priority") == "High"


def _campaign_member(records: Records, row: Row, before: Row | None) -> None:
    """Both a lead and a contact given: only the contact stays. A status the campaign does not know becomes its default."""
    if row.get("ContactId"):
        row.pop("LeadId", None)
    person_id = row.get("ContactId") or row.get("LeadId")
    if person_id is None:
        raise RecordRefused(
            "FIELD_INTEGRITY_EXCEPTION", "A campaign member needs a lead or a contact", ("LeadId",)
        )
    if before is None:
        _refuse_second_membership(records, row, str(person_id))
    _settle_status(records, row)
    person = records.find(str(person_id)) or {}
    row["LeadOrContactId"] = person_id
    for name in _COPIED_FROM_PERSON:
        value = person.get(name)
        if value is None:
            row.pop(name, None)
        else:
            row[name] = value


def _refuse_second_membership(records: Records, row: Row, person_id: str) -> None:
    table = records.table(records.sobject("CampaignMember"))
    field = table.sobject.by_name["campaignid"]
    for other in table.find(field, (row.get("CampaignId"),)):
        if other["LeadOrContactId"] == person_id:
            raise RecordRefused(
                "DUPLICATE_VALUE", f"Already a campaign member. record with id: {other['Id']}"
            )


def _settle_status(records: Records, row: Row) -> None:
    table = records.table(records.sobject("CampaignMemberStatus"))
    field = table.sobject.by_name["campaignid"]
    known = list(table.find(field, (row.get("CampaignId"),)))
    given = str(row.get("Status") or "")
    chosen = next((item for item in known if str(item["Label"]).lower() == given.lower()), None)
    if chosen is None:
        chosen = next((item for item in known if item.get("IsDefault")), None)
    if chosen is not None:
        row["Status"] = chosen["Label"]
    row["HasResponded"] = bool(chosen and chosen.get("HasResponded"))
    if row["HasResponded"] and not row.get("FirstRespondedDate"):
        row["FirstRespondedDate"] = records.clock.stamp()[:10]


def _email_relation(records: Records, row: Row, _before: Row | None) -> None:
    target = records.catalog.of_id(str(row.get("RelationId") or ""))
    if target is not None:
        row["RelationObjectType"] = target.name


_RULES: dict[str, Callable[[Records, Row, Row | None], None]] = {
    "Account": _account,
    "Case": _case,
    "Event": _event,
    "EmailMessage": _email_message,
    "EmailMessageRelation": _email_relation,
    "Contact": _person,
    "User": _person,
    "Lead": _lead,
    "Opportunity": _opportunity,
    "Task": _task,
    "CampaignMember": _campaign_member,
}
