"""Who may see and change what: object permissions and field-level security, per user.

Everything is allowed until it is taken away. Hidden fields are absent from describe, queries and events alike; that is how Salesforce
behaves, and why a client must never read absence as null.
"""

from __future__ import annotations

from typing import TypeVar

from adapters.emulator.schema.sobject import SObject

EVERYONE = "*"

_Key = TypeVar("_Key")


class Permissions:
    """What has been taken away. `user` is a user id, or `*` for all users."""

    def __init__(self) -> None:
        self._hidden: set[tuple[str, str, str]] = set()
        self._frozen: set[tuple[str, str, str]] = set()
        self._no_object: set[tuple[str, str]] = set()
        self._no_view_all: set[tuple[str, str]] = set()
        self.version = 0

    @property
    def fields_restricted(self) -> bool:
        """Whether any field has been taken away from anybody."""
        return bool(self._hidden or self._frozen)

    def set_field(self, user: str, sobject: str, field: str, *, readable: bool, editable: bool) -> None:
        """Field-level security of one field; a field that is not readable is not editable either."""
        key = (user, sobject, field)
        _toggle(self._hidden, key, present=not readable)
        _toggle(self._frozen, key, present=not (editable and readable))
        self.version += 1

    def set_object(self, user: str, sobject: str, *, readable: bool, view_all: bool) -> None:
        """Whether the object is there at all for the user, and whether View All Records is given."""
        _toggle(self._no_object, (user, sobject), present=not readable)
        _toggle(self._no_view_all, (user, sobject), present=not (view_all and readable))
        self.version += 1

    def object_readable(self, user: str, sobject: SObject) -> bool:
        """Whether the user may use the object at all."""
        return not self._no_object or not self._denied(self._no_object, user, sobject.name)

    def events_visible(self, user: str, sobject: SObject) -> bool:
        """Whether the user gets change events of the object (View All Records)."""
        return not self._no_view_all or not self._denied(self._no_view_all, user, sobject.name)

    def field_readable(self, user: str, sobject: SObject, field: str) -> bool:
        """Whether the user may read the field."""
        return not self._hidden or not self._denied_field(self._hidden, user, sobject.name, field)

    def field_editable(self, user: str, sobject: SObject, field: str) -> bool:
        """Whether the user may write the field, as far as permissions go."""
        return not self._frozen or not self._denied_field(self._frozen, user, sobject.name, field)

    def hidden_fields(self, user: str, sobject: SObject) -> frozenset[str]:
        """Names of the object's fields that the user may not read."""
        if not self._hidden:
            return frozenset()
        return frozenset(f for (u, o, f) in self._hidden if o == sobject.name and u in {user, EVERYONE})

    @staticmethod
    def _denied(denied: set[tuple[str, str]], user: str, sobject: str) -> bool:
        return (user, sobject) in denied or (EVERYONE, sobject) in denied

    @staticmethod
    def _denied_field(denied: set[tuple[str, str, str]], user: str, sobject: str, field: str) -> bool:
        return (user, sobject, field) in denied or (EVERYONE, sobject, field) in denied


def _toggle(members: set[_Key], key: _Key, *, present: bool) -> None:
    if present:
        members.add(key)
    else:
        members.discard(key)
