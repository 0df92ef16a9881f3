"""Who asks for a change, and through which API: what change events later call the origin."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.emulator.schema.field import Field
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.permissions import Permissions


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a transaction and the API it came through.

    `api` is Salesforce's own word for it (`rest`, `bulkapi`, `soap`), `version` like `67.0`, `client` what the caller sent in
    `Sforce-Call-Options`.
    """

    user_id: str
    api: str = "rest"
    version: str = "67.0"
    client: str | None = None
    auto_assign: bool = True
    allow_duplicates: bool = False
    """Whether `Sforce-Duplicate-Rule-Header: allowSave=true` was sent."""
    interface: bool = False
    """A person in the user interface, not an API call."""

    @property
    def origin(self) -> str:
        """The `changeOrigin` of events from this caller's transactions."""
        mark = f";client={self.client}" if self.client else ""
        return f"com/salesforce/api/{self.api}/{self.version}{mark}"


def writable(field: Field, *, creating: bool) -> bool:
    """Whether the schema lets an API call write the field."""
    return field.createable if creating else field.updateable


def may_write(
    permissions: Permissions, caller: Caller, sobject: SObject, field: Field, *, creating: bool
) -> bool:
    """Whether this caller may write the field in this call."""
    return writable(field, creating=creating) and permissions.field_editable(
        caller.user_id, sobject, field.name
    )
