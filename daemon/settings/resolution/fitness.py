"""Whether a Salesforce field is fit to say which record is which, and what to ask an administrator for where it is not.

Salesforce makes External IDs of Text, Email and Number fields only. Its own identifying fields (a record's name, an e-mail
address, whatever describe calls an idLookup) are searched by their value and may stand in for one.
"""

from typing import Final

from daemon.ports.salesforce import FieldDescription, ObjectDescription

EXTERNAL_ID_TYPES: Final = frozenset({"string", "email", "int", "long", "double"})
"""Types of describe that Text, Email and Number fields have; a formula's result is none of a person's making and never flagged."""

RECOMMENDED: Final = "a unique External ID field is the identifier to use"


def may_be_external_id(field: FieldDescription) -> bool:
    """Whether a field of this type can have the External ID flag at all."""
    return field.type in EXTERNAL_ID_TYPES


def upserts_on(field: FieldDescription) -> bool:
    """Whether Salesforce takes the field as the key of an upsert."""
    return field.external_id or field.id_lookup


def identifies_by_itself(field: FieldDescription) -> bool:
    """Whether a step that both updates and creates may go by this field: a flagged one, or one of Salesforce's own identifying fields."""
    return upserts_on(field) or field.type == "email" or field.name == "Name"


def typed_by_people(field: FieldDescription, column: str) -> bool:
    """Whether the pair of types says that people write the values, so that their case means nothing."""
    return field.type == "email" or column == "citext"


def to_flag(described: ObjectDescription, name: str, flags: str = "External ID and Unique") -> str:
    """What an administrator does with a field that is there."""
    return (
        f"Setup > Object Manager > {described.name} > Fields & Relationships > {name}: tick {flags} "
        "(this needs Customize Application: without it, ask an administrator for exactly this)"
    )


def to_make(described: ObjectDescription, name: str = "") -> str:
    """What an administrator does where there is no such field yet."""
    named = f"named {name.removesuffix('__c')}" if name else "for the row's key"
    return (
        f"ask an administrator to make it: Setup > Object Manager > {described.name} > Fields & Relationships > New: "
        f"a Text, Email or Number field {named}, External ID and Unique ticked, "
        "with read and edit access in the integration user's permission set"
    )
