"""Two acts that plain REST does not offer: converting a lead and merging duplicates. Both are one transaction each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from adapters.emulator.errors import RecordRefused
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.transaction import Transaction
from adapters.emulator.store.values import Row

_ACCOUNT_FIELDS = {
    "Company": "Name", "Website": "Website", "Phone": "Phone", "Fax": "Fax", "Industry": "Industry", "Rating": "Rating",
    "AnnualRevenue": "AnnualRevenue", "NumberOfEmployees": "NumberOfEmployees", "Street": "BillingStreet",
    "City": "BillingCity", "State": "BillingState", "PostalCode": "BillingPostalCode", "Country": "BillingCountry",
    "OwnerId": "OwnerId", "LeadSource": "AccountSource",
}  # fmt: skip
_CONTACT_FIELDS = {
    "Salutation": "Salutation", "FirstName": "FirstName", "LastName": "LastName", "MiddleName": "MiddleName",
    "Suffix": "Suffix", "Title": "Title", "Email": "Email", "Phone": "Phone", "MobilePhone": "MobilePhone", "Fax": "Fax",
    "LeadSource": "LeadSource", "Description": "Description", "Street": "MailingStreet", "City": "MailingCity",
    "State": "MailingState", "PostalCode": "MailingPostalCode", "Country": "MailingCountry", "OwnerId": "OwnerId",
    "HasOptedOutOfEmail": "HasOptedOutOfEmail", "DoNotCall": "DoNotCall",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a lead became."""

    account_id: str
    contact_id: str
    opportunity_id: str | None


def convert_lead(
    transaction: Transaction,
    lead_id: str,
    *,
    account_id: str | None = None,
    contact_id: str | None = None,
    opportunity_name: str | None = None,
    custom: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> Conversion:
    """Turn a lead into an account, a contact and (when named) an opportunity, or into records that exist.

    `custom` are the lead field mappings of the org by the object that gets them; of a record that exists they fill what is empty.

    The order is the documented one: account, contact, opportunity, then the lead itself. Memberships in campaigns are the contact's too from
    then on, and no event tells of it.
    """
    records = transaction.records
    lead = records.sobject("Lead")
    row = transaction.live_row(lead, lead_id)
    if row.get("IsConverted"):
        raise RecordRefused("CANNOT_UPDATE_CONVERTED_LEAD", "lead already converted")
    given = (("Account", account_id), ("Contact", contact_id))
    for name, record_id in given:
        if record_id is not None:
            transaction.live_row(records.sobject(name), record_id)
    handed = {name: _mapped(row, custom.get(name, {})) for name in ("Account", "Contact", "Opportunity")}
    for name, record_id in given:
        if record_id is not None:
            _fill(transaction, records.sobject(name), record_id, handed[name])
    account_values = _mapped(row, _ACCOUNT_FIELDS) | handed["Account"]
    account = account_id or transaction.insert(records.sobject("Account"), account_values)
    contact_values = _mapped(row, _CONTACT_FIELDS) | handed["Contact"] | {"AccountId": account}
    contact = contact_id or transaction.insert(records.sobject("Contact"), contact_values)
    opportunity = None
    if opportunity_name is not None:
        values: Row = {
            **handed["Opportunity"],
            "Name": opportunity_name,
            "AccountId": account,
            "StageName": "Prospecting",
            "CloseDate": records.clock.stamp()[:10],
        }
        opportunity = transaction.insert(records.sobject("Opportunity"), values)
    transaction.change(
        lead,
        lead_id,
        {
            "Status": "Closed - Converted",
            "IsConverted": True,
            "ConvertedDate": records.clock.stamp()[:10],
            "ConvertedAccountId": account,
            "ConvertedContactId": contact,
            "ConvertedOpportunityId": opportunity,
        },
    )
    _take_memberships(transaction, lead_id, contact)
    return Conversion(account, contact, opportunity)


def _fill(transaction: Transaction, sobject: SObject, record_id: str, values: Row) -> None:
    """Hand values on to a record that exists: what it has already stays."""
    there = transaction.live_row(sobject, record_id)
    if missing := {name: value for name, value in values.items() if there.get(name) is None}:
        transaction.change(sobject, record_id, missing)


def _take_memberships(transaction: Transaction, lead_id: str, contact_id: str) -> None:
    member = transaction.records.sobject("CampaignMember")
    table = transaction.records.table(member)
    for row in list(table.find(member.by_name["leadid"], (lead_id,))):
        for field in ("ContactId", "LeadOrContactId"):
            transaction.relink(member, str(row["Id"]), field, contact_id)


def merge(
    transaction: Transaction,
    winner_id: str,
    loser_ids: Sequence[str],
    overrides: Mapping[str, object] | None = None,
) -> None:
    """Merge up to two losers into a winner of the same object.

    The losers go to the Recycle Bin with MasterRecordId set, their children move to the winner (whether with events is a switch), and the winner is
    updated.
    """
    records = transaction.records
    sobject = records.catalog.of_id(winner_id)
    if sobject is None or not sobject.mergeable or not 1 <= len(loser_ids) <= 2:
        raise RecordRefused(
            "INVALID_ARGUMENT", "merge takes one winner and one or two losers of a mergeable object"
        )
    winner = transaction.live_row(sobject, winner_id)
    for loser_id in loser_ids:
        if loser_id[:3] != sobject.key_prefix or loser_id == winner_id:
            raise RecordRefused("MALFORMED_ID", f"not another {sobject.name}: {loser_id}")
        _merge_halves(transaction, winner, transaction.live_row(sobject, loser_id))
        _lose(transaction, sobject, loser_id, winner_id)
    transaction.update(sobject.name, winner_id, overrides or {})


def _merge_halves(transaction: Transaction, winner: Row, loser: Row) -> None:
    """The contact half of a person account goes where its account goes. A person merges with a person, a business with a business."""
    if bool(winner.get("IsPersonAccount")) is not bool(loser.get("IsPersonAccount")):
        raise RecordRefused(
            "INVALID_PERSON_ACCOUNT_OPERATION", "A person account merges with person accounts only"
        )
    if "PersonContactId" not in winner and winner.get("IsPersonAccount"):
        raise RecordRefused(
            "INVALID_PERSON_ACCOUNT_OPERATION", "Merge the person accounts instead of their contacts"
        )
    halves = winner.get("PersonContactId"), loser.get("PersonContactId")
    if halves[0] and halves[1]:
        _lose(transaction, transaction.records.sobject("Contact"), str(halves[1]), str(halves[0]))


def _lose(transaction: Transaction, sobject: SObject, loser_id: str, winner_id: str) -> None:
    _reparent(transaction, sobject, loser_id, winner_id)
    transaction.remove(sobject, loser_id, to_bin=True, master=winner_id)


def _reparent(transaction: Transaction, sobject: SObject, loser_id: str, winner_id: str) -> None:
    records = transaction.records
    told = records.switches.reparent_events
    for link in records.catalog.children(sobject):
        table = records.table(link.child)
        if table.has_index(link.field) and link.field.name != "MasterRecordId":
            for child in list(table.find(link.field, (loser_id,))):
                transaction.relink(link.child, str(child["Id"]), link.field.name, winner_id, told=told)


def _mapped(row: Row, names: Mapping[str, str]) -> Row:
    return {target: row[source] for source, target in names.items() if row.get(source) is not None}
