"""Who may see and change what: object permissions and field-level security, per user.

Everything is allowed until it is taken away. Hidden fields are absent from describe, queries and events alike; that is how Salesforce
behaves, and why a client must never read absence as null.
"""

from __future__ import annotations

from collections.abc import Set
from copy import deepcopy
from enum import StrEnum
from typing import TypeVar

from adapters.emulator.schema.sobject import SObject

EVERYONE = "*"

_Key = TypeVar("_Key")


class Ability(StrEnum):
    """What a user may do with an object's records."""

    READ = "read"
    CREATE = "create"
    EDIT = "edit"
    DELETE = "delete"
    VIEW_ALL = "view_all"
    """View All Records: what change events need."""


class SystemPermission(StrEnum):
    """What a profile or a permission set lets a user do in the org as a whole, by Salesforce's names for it."""

    API_ENABLED = "ApiEnabled"
    API_USER_ONLY = "ApiUserOnly"
    """No restriction that can be lifted, but one that is put on: the user may not log in to the user interface."""
    VIEW_SETUP = "ViewSetup"
    USE_ANY_API_CLIENT = "UseAnyApiClient"
    """There only where the org has API Access Control."""
    APPROVE_UNINSTALLED_CONNECTED_APPS = "ApproveUninstalledConnectedApps"
    MODIFY_METADATA = "ModifyMetadata"
    """Modify Metadata Through Metadata API Functions, without which that API reads nothing either."""


class Permissions:
    """What has been taken away. `user` is a user id, or `*` for all users."""

    def __init__(self) -> None:
        self._hidden: set[tuple[str, str, str]] = set()
        self._frozen: set[tuple[str, str, str]] = set()
        self._refused: dict[Ability, set[tuple[str, str]]] = {ability: set() for ability in Ability}
        self._withheld: set[tuple[str, SystemPermission]] = set()
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

    def set_object(self, user: str, sobject: str, abilities: Set[Ability]) -> None:
        """The abilities that the user has with the object; without READ the object is not there at all, and all are gone."""
        for ability, refused in self._refused.items():
            given = ability in abilities and Ability.READ in abilities
            _toggle(refused, (user, sobject), present=not given)
        self.version += 1

    def set_system(self, user: str, permission: SystemPermission, *, granted: bool) -> None:
        """One system permission of a user."""
        _toggle(self._withheld, (user, permission), present=not granted)

    def system_granted(self, user: str, permission: SystemPermission) -> bool:
        """Whether the user has a system permission."""
        return not ({(user, permission), (EVERYONE, permission)} & self._withheld)

    def object_allowed(self, user: str, sobject: SObject, ability: Ability) -> bool:
        """Whether the user has an ability with the object."""
        refused = self._refused[ability]
        return not refused or not ((user, sobject.name) in refused or (EVERYONE, sobject.name) in refused)

    def abilities(self, user: str, sobject: SObject) -> frozenset[Ability]:
        """All that the user may do with the object, as far as permissions go."""
        return frozenset(ability for ability in Ability if self.object_allowed(user, sobject, ability))

    def object_readable(self, user: str, sobject: SObject) -> bool:
        """Whether the object is there at all for the user."""
        return self.object_allowed(user, sobject, Ability.READ)

    def events_visible(self, user: str, sobject: SObject) -> bool:
        """Whether the user gets change events of the object."""
        return self.object_allowed(user, sobject, Ability.VIEW_ALL)

    def snapshot(self) -> Permissions:
        """A copy that later changes leave alone."""
        return deepcopy(self)

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
    def _denied_field(denied: set[tuple[str, str, str]], user: str, sobject: str, field: str) -> bool:
        return (user, sobject, field) in denied or (EVERYONE, sobject, field) in denied


def _toggle(members: set[_Key], key: _Key, *, present: bool) -> None:
    if present:
        members.add(key)
    else:
        members.discard(key)
