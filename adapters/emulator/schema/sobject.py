"""An object type of the org."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as dataclass_replace

from adapters.emulator.schema.field import Field


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SObject:
    """An object type: its names, what may be done with it, and its fields in the order of its schema."""

    name: str
    label: str
    label_plural: str
    key_prefix: str
    fields: tuple[Field, ...]
    change_events: bool = True
    """Whether Change Data Capture supports the object at all."""
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    hard_delete: bool = False
    """A direct delete bypasses the Recycle Bin (CampaignMember, OpportunityContactRole)."""
    mergeable: bool = False
    assigned: bool = False
    """Assignment rules give its records an owner (Lead, Case)."""

    by_name: Mapping[str, Field] = field(init=False, repr=False)
    """Fields under their lower-case names: API names are case-insensitive."""
    by_relationship: Mapping[str, Field] = field(init=False, repr=False)
    """Reference fields under the lower-case name of their parent relationship."""
    event_fields: tuple[Field, ...] = field(init=False, repr=False)
    """Fields that a change event may carry, in schema order."""
    required_fields: tuple[Field, ...] = field(init=False, repr=False)
    unique_fields: tuple[Field, ...] = field(init=False, repr=False)
    defaulted_fields: tuple[Field, ...] = field(init=False, repr=False)
    locking_fields: tuple[Field, ...] = field(init=False, repr=False)
    """References whose records a save locks too."""

    def __post_init__(self) -> None:
        relationships = {item.relationship.lower(): item for item in self.fields if item.relationship}
        object.__setattr__(self, "by_name", {item.name.lower(): item for item in self.fields})
        object.__setattr__(self, "by_relationship", relationships)
        object.__setattr__(self, "event_fields", tuple(item for item in self.fields if item.in_events))
        object.__setattr__(self, "required_fields", tuple(item for item in self.fields if item.required))
        object.__setattr__(self, "unique_fields", tuple(item for item in self.fields if item.unique))
        defaulted = tuple(item for item in self.fields if item.default is not None and item.name != "Id")
        object.__setattr__(self, "defaulted_fields", defaulted)
        object.__setattr__(self, "locking_fields", tuple(item for item in self.fields if item.locks_parent))

    @property
    def custom(self) -> bool:
        """Whether an administrator made this object."""
        return self.name.endswith("__c")

    @property
    def change_event_name(self) -> str:
        """`AccountChangeEvent` for Account, `Employee__ChangeEvent` for Employee__c."""
        return f"{self.name[:-3]}__ChangeEvent" if self.custom else f"{self.name}ChangeEvent"

    def field(self, name: str) -> Field | None:
        """The field of that name in any letter case."""
        return self.by_name.get(name.lower())

    def with_field_in_events(self, name: str, *, told: bool) -> SObject:
        """The same object, whose change events do or do not carry a field."""
        return self.with_fields(dataclass_replace(self.by_name[name.lower()], in_events=told))

    def with_fields(self, *extra: Field) -> SObject:
        """The same object with more fields; a field of the same name is replaced in place."""
        merged = {item.name: item for item in self.fields} | {item.name: item for item in extra}
        return dataclass_replace(self, fields=tuple(merged.values()))
