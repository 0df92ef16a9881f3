"""Short words for making fields, so that an object's field list reads like a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adapters.emulator.schema.field import Field, FieldType, PicklistValue


def _label(name: str) -> str:
    words = "".join(f" {c}" if c.isupper() and name[i - 1 : i].islower() else c for i, c in enumerate(name))
    return words.replace("__c", "").replace("_", " ").strip().removesuffix(" Id") + (
        " ID" if name.endswith("Id") else ""
    )


def text(name: str, length: int = 255, *, required: bool = False) -> Field:
    """Plain text of at most `length` characters."""
    return Field(name=name, label=_label(name), type=FieldType.STRING, length=length, nillable=not required)


def area(name: str, length: int = 32000) -> Field:
    """Text of several lines."""
    return Field(name=name, label=_label(name), type=FieldType.TEXTAREA, length=length)


def phone(name: str) -> Field:
    """A telephone number, kept as it was typed."""
    return Field(name=name, label=_label(name), type=FieldType.PHONE, length=40)


def email(name: str) -> Field:
    """An email address of at most 80 characters."""
    return Field(name=name, label=_label(name), type=FieldType.EMAIL, length=80)


def url(name: str) -> Field:
    """A web address."""
    return Field(name=name, label=_label(name), type=FieldType.URL, length=255)


def flag(name: str, *, default: bool = False) -> Field:
    """A checkbox: never null."""
    return Field(name=name, label=_label(name), type=FieldType.BOOLEAN, nillable=False, default=default)


def whole(name: str, digits: int = 8) -> Field:
    """A whole number of at most `digits` digits."""
    return Field(name=name, label=_label(name), type=FieldType.INT, precision=digits)


def number(name: str, precision: int = 18, scale: int = 0) -> Field:
    """A decimal number."""
    return Field(name=name, label=_label(name), type=FieldType.DOUBLE, precision=precision, scale=scale)


def money(name: str, precision: int = 18, scale: int = 2) -> Field:
    """An amount in the org's currency."""
    return Field(name=name, label=_label(name), type=FieldType.CURRENCY, precision=precision, scale=scale)


def percent(name: str, precision: int = 3, scale: int = 0) -> Field:
    """A percentage: 60 means 60 %."""
    return Field(name=name, label=_label(name), type=FieldType.PERCENT, precision=precision, scale=scale)


def day(name: str, *, required: bool = False) -> Field:
    """A calendar date."""
    return Field(name=name, label=_label(name), type=FieldType.DATE, nillable=not required)


def moment(name: str) -> Field:
    """A date and time, to the second."""
    return Field(name=name, label=_label(name), type=FieldType.DATETIME)


def choice(
    name: str,
    values: Sequence[str],
    *,
    default: str | None = None,
    restricted: bool = False,
    required: bool = False,
    several: bool = False,
    length: int = 255,
) -> Field:
    """A picklist; `several` makes it a multi-select one."""
    return Field(
        name=name,
        label=_label(name),
        type=FieldType.MULTIPICKLIST if several else FieldType.PICKLIST,
        length=4099 if several else length,
        nillable=not required,
        default=default,
        picklist=tuple(PicklistValue(value, value, default=value == default) for value in values),
        restricted=restricted,
    )


def reference(
    name: str,
    *targets: str,
    relationship: str | None = None,
    children: str | None = None,
    required: bool = False,
    cascade: bool = False,
    master: bool = False,
) -> Field:
    """A lookup to one or more object types; `cascade` deletes the row with its parent."""
    stem = name[:-3] + "__r" if name.endswith("__c") else name.removesuffix("Id")
    return Field(
        name=name,
        label=_label(name),
        type=FieldType.REFERENCE,
        length=18,
        nillable=not required,
        reference_to=targets,
        relationship=relationship or stem,
        child_relationship=children,
        cascade_delete=cascade or master,
        master_detail=master,
    )


def person_name() -> tuple[Field, ...]:
    """The name of a person: parts that can be written, and `Name` made of them."""
    parts = (
        ("Salutation", choice("Salutation", ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."), length=40)),
        ("FirstName", text("FirstName", 40)),
        ("LastName", text("LastName", 80, required=True)),
        ("MiddleName", text("MiddleName", 40)),
        ("Suffix", text("Suffix", 40)),
    )
    named = tuple(replace(part, compound="Name", component=component) for component, part in parts)
    whole_name = replace(
        text("Name", 121), createable=False, updateable=False, name_field=True, in_events=False
    )
    return (*named, whole_name)


def address(prefix: str) -> tuple[Field, ...]:
    """The components of an address and the read-only compound over them; the prefix of a Lead's is empty."""
    compound = f"{prefix}Address"
    parts = (
        ("Street", area(f"{prefix}Street", 255)),
        ("City", text(f"{prefix}City", 40)),
        ("State", text(f"{prefix}State", 80)),
        ("PostalCode", text(f"{prefix}PostalCode", 20)),
        ("Country", text(f"{prefix}Country", 80)),
        ("Latitude", number(f"{prefix}Latitude", 18, 15)),
        ("Longitude", number(f"{prefix}Longitude", 18, 15)),
        (
            "GeocodeAccuracy",
            choice(f"{prefix}GeocodeAccuracy", ("Address", "City", "Zip", "Unknown"), length=40),
        ),
    )
    named = tuple(replace(part, compound=compound, component=component) for component, part in parts)
    parent = Field(
        name=compound,
        label=_label(compound),
        type=FieldType.ADDRESS,
        createable=False,
        updateable=False,
        in_events=False,
    )
    return (*named, parent)


def system_head() -> tuple[Field, ...]:
    """Id and IsDeleted, which come first in every object."""
    record_id = Field(
        name="Id", label="Record ID", type=FieldType.ID, length=18, nillable=False, createable=False,
        updateable=False, default="generated", in_events=False,
    )  # fmt: skip
    return (record_id, read_only(replace(flag("IsDeleted"), in_events=False)))


def system_tail() -> tuple[Field, ...]:
    """The audit fields, which come last among an object's standard fields."""
    return (
        read_only(replace(moment("CreatedDate"), nillable=False, default="now")),
        read_only(
            replace(reference("CreatedById", "User", relationship="CreatedBy"), nillable=False, default="me")
        ),
        read_only(replace(moment("LastModifiedDate"), nillable=False, default="now")),
        read_only(
            replace(
                reference("LastModifiedById", "User", relationship="LastModifiedBy"),
                nillable=False,
                default="me",
            )
        ),
        read_only(replace(moment("SystemModstamp"), nillable=False, default="now", in_events=False)),
    )


def owner() -> Field:
    """Who owns the record: the user who creates it, unless another is named."""
    return replace(reference("OwnerId", "User", relationship="Owner"), nillable=False, default="me")


def read_only(item: Field) -> Field:
    """The same field, which no API call may write."""
    return replace(item, createable=False, updateable=False)


def create_only(item: Field) -> Field:
    """The same field, which may be written only when the record is made."""
    return replace(item, updateable=False)


def quiet(item: Field) -> Field:
    """The same field, which change events never carry."""
    return replace(item, in_events=False)
