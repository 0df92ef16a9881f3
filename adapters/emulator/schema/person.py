"""Person accounts: an account that is a person, and the contact that is its other half.

An org that has them shows a contact's fields on Account too: the parts of the name under their own names, standard fields as `PersonEmail`, custom
fields `X__c` as `X__pc`.
"""

from __future__ import annotations

from dataclasses import replace

from adapters.emulator.schema.build import flag, read_only, reference
from adapters.emulator.schema.field import Field
from adapters.emulator.schema.sobject import SObject

PERSON_TYPE = "PersonAccount"
"""DeveloperName of the record type that makes an account a person."""
BUSINESS_TYPE = "Business_Account"

_NAME_PARTS = frozenset({"Salutation", "FirstName", "LastName", "MiddleName", "Suffix"})
_SHARED = frozenset(
    {
        "Email", "Title", "Department", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone", "AssistantName",
        "Birthdate", "LeadSource", "HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall", "EmailBouncedReason",
        "EmailBouncedDate",
    }
)  # fmt: skip
_ADDRESSES = frozenset({"MailingAddress", "OtherAddress"})


def with_person_accounts(account: SObject, contact: SObject) -> tuple[SObject, SObject]:
    """Account and Contact as an org with person accounts has them."""
    own = (
        read_only(flag("IsPersonAccount")),
        read_only(reference("PersonContactId", "Contact", relationship="PersonContact")),
        reference("RecordTypeId", "RecordType"),
    )
    return account.with_fields(*own, *_copies(contact)), contact.with_fields(
        read_only(flag("IsPersonAccount"))
    )


def _copies(contact: SObject) -> list[Field]:
    return [copy for field in contact.fields if (copy := _copy(field)) is not None]


def _copy(field: Field) -> Field | None:
    """A contact's field as Account shows it, or None for one that it does not show."""
    nillable = field.nillable or field.name == "LastName"
    if field.name in _NAME_PARTS:
        return replace(field, nillable=nillable, of_person=field.name)
    if field.custom:
        name = f"{field.name.removesuffix('__c')}__pc"
        return replace(field, name=name, unique=False, nillable=True, of_person=field.name)
    if field.name in _ADDRESSES:
        return replace(field, name=f"Person{field.name}", of_person=field.name)
    if field.name in _SHARED or field.compound in _ADDRESSES:
        compound = f"Person{field.compound}" if field.compound else None
        return replace(
            field, name=f"Person{field.name}", compound=compound, nillable=nillable, of_person=field.name
        )
    return None
