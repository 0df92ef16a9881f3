"""A field of an object, with the attributes that Salesforce's describe gives about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FieldType(StrEnum):
    """The field types of describe that this org uses."""

    ID = "id"
    STRING = "string"
    TEXTAREA = "textarea"
    PICKLIST = "picklist"
    MULTIPICKLIST = "multipicklist"
    COMBOBOX = "combobox"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    BOOLEAN = "boolean"
    INT = "int"
    DOUBLE = "double"
    CURRENCY = "currency"
    PERCENT = "percent"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    REFERENCE = "reference"
    ADDRESS = "address"


TEXT_TYPES = frozenset(
    {
        FieldType.STRING,
        FieldType.TEXTAREA,
        FieldType.PICKLIST,
        FieldType.MULTIPICKLIST,
        FieldType.COMBOBOX,
        FieldType.EMAIL,
        FieldType.PHONE,
        FieldType.URL,
    }
)
DECIMAL_TYPES = frozenset({FieldType.DOUBLE, FieldType.CURRENCY, FieldType.PERCENT})


@dataclass(frozen=True, slots=True)
class PicklistValue:
    """One value of a picklist. Data always carries `value`, people see `label`."""

    value: str
    label: str
    active: bool = True
    default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field. Lengths are in characters; `precision` counts all digits, `scale` those after the point."""

    name: str
    label: str
    type: FieldType
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    default: str | float | bool | None = None
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    calculated: bool = False
    auto_number: bool = False
    name_field: bool = False
    html: bool = False
    reference_to: tuple[str, ...] = ()
    relationship: str | None = None
    child_relationship: str | None = None
    cascade_delete: bool = False
    restricted_delete: bool = False
    master_detail: bool = False
    activity_link: bool = False
    """A reference of an activity to what it is about."""
    picklist: tuple[PicklistValue, ...] = ()
    restricted: bool = False
    compound: str | None = None
    """The parent of a component, as describe names it (`BillingAddress`, `Name`)."""
    component: str | None = None
    """The name inside the parent as change events write it (`Street`, `LastName`)."""
    in_events: bool = True
    of_person: str | None = None
    """On Account, where there are person accounts: the contact's field that this one shows."""

    @property
    def custom(self) -> bool:
        """Whether an administrator made this field."""
        return self.name.endswith(("__c", "__pc"))

    @property
    def required(self) -> bool:
        """Whether a create without a value for it is refused."""
        return (
            self.createable
            and not self.nillable
            and self.default is None
            and self.type is not FieldType.BOOLEAN
        )

    @property
    def locks_parent(self) -> bool:
        """Whether a save of the row also locks the record that this reference names."""
        return self.cascade_delete or self.activity_link

    @property
    def indexed(self) -> bool:
        """Whether the store keeps an index on it."""
        return self.external_id or self.unique or bool(self.reference_to)

    @property
    def id_lookup(self) -> bool:
        """Whether an upsert may name it as its key."""
        return self.external_id or self.type is FieldType.ID
