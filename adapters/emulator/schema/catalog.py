"""All object types of one org, and the relationships between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from adapters.emulator.schema.engagement import CAMPAIGN, CAMPAIGN_MEMBER, CAMPAIGN_MEMBER_STATUS, EVENT, TASK
from adapters.emulator.schema.field import Field
from adapters.emulator.schema.service import CASE, EMAIL_MESSAGE, EMAIL_MESSAGE_RELATION
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.schema.standard import (
    ACCOUNT,
    CONTACT,
    LEAD,
    OPPORTUNITY,
    OPPORTUNITY_CONTACT_ROLE,
    ORGANIZATION,
    PROFILE,
    RECORD_TYPE,
    USER,
)

STANDARD_OBJECTS = (
    ORGANIZATION,
    USER,
    ACCOUNT,
    CONTACT,
    LEAD,
    CAMPAIGN,
    OPPORTUNITY,
    OPPORTUNITY_CONTACT_ROLE,
    CAMPAIGN_MEMBER_STATUS,
    CAMPAIGN_MEMBER,
    CASE,
    TASK,
    EVENT,
    EMAIL_MESSAGE,
    EMAIL_MESSAGE_RELATION,
    RECORD_TYPE,
    PROFILE,
)


@dataclass(frozen=True, slots=True)
class ChildLink:
    """A reference seen from its parent: rows of `child` point here through `field`."""

    child: SObject
    field: Field


class Catalog:
    """The schema of the org. Objects and fields can be added while it runs; every change moves `version`."""

    def __init__(self, objects: Iterable[SObject] = STANDARD_OBJECTS) -> None:
        self._objects: dict[str, SObject] = {}
        self._by_prefix: dict[str, SObject] = {}
        self._children: dict[str, tuple[ChildLink, ...]] = {}
        self.version = 0
        for sobject in objects:
            self.put(sobject)

    def put(self, sobject: SObject) -> None:
        """Add an object type, or replace it with a changed form of itself."""
        self._objects[sobject.name.lower()] = sobject
        self._by_prefix[sobject.key_prefix] = sobject
        self._children.clear()
        self.version += 1

    def get(self, name: str) -> SObject | None:
        """The object type of that name in any letter case."""
        return self._objects.get(name.lower())

    def of_id(self, record_id: str) -> SObject | None:
        """The object type that a record id belongs to, by its key prefix."""
        return self._by_prefix.get(record_id[:3])

    def all(self) -> tuple[SObject, ...]:
        """Every object type, in the order they were made."""
        return tuple(self._objects.values())

    def children(self, parent: SObject) -> tuple[ChildLink, ...]:
        """The references of all object types that may point at this one."""
        known = self._children.get(parent.name)
        if known is None:
            known = tuple(
                ChildLink(child, field)
                for child in self._objects.values()
                for field in child.fields
                if parent.name in field.reference_to
            )
            self._children[parent.name] = known
        return known

    def snapshot(self) -> tuple[SObject, ...]:
        """The schema now; object types never change in place."""
        return self.all()

    def restore(self, objects: tuple[SObject, ...]) -> None:
        """Go back to an earlier schema."""
        self._objects.clear()
        self._by_prefix.clear()
        for sobject in objects:
            self.put(sobject)

    def new_custom_prefix(self) -> str:
        """A key prefix no object has yet; custom objects count up from `a00`."""
        number = sum(1 for sobject in self._objects.values() if sobject.custom)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        return f"a{digits[number // 62]}{digits[number % 62]}"
