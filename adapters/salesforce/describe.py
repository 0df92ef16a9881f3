"""Descriptions of objects, read once and kept: what a sync must know of fields before it can read or write them."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from adapters.salesforce import faults
from adapters.salesforce.session import Session
from adapters.salesforce.soql import name as checked_name
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.ports.salesforce import FieldDescription, ObjectDescription

NUMERIC_TYPES: Final = frozenset({"int", "long", "double", "currency", "percent"})
COMPOUND_TYPES: Final = frozenset({"address", "location"})


class Descriptions:
    """The descriptions of this user's objects, from the org at the first asking and from memory afterwards."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, ObjectDescription] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def fresh(self, name: str) -> ObjectDescription | None:
        """The description as the org gives it now; None if this user has no such object."""
        path = f"{self._session.settings.data_path}/sobjects/{checked_name(name)}/describe"
        try:
            document = await self._session.get(path, "metadata")
        except CallFailedError as error:
            if error.failure.kind is FailureKind.MISSING or faults.is_code(error, "INVALID_TYPE"):
                self._known.pop(name, None)
                return None
            raise
        description = parse_object(document)
        self._known[name] = description
        return description

    async def of(self, name: str) -> ObjectDescription:
        """The description, from memory where possible. Raises CallFailedError if there is no such object."""
        known = self._known.get(name)
        if known is not None:
            return known
        async with self._locks.setdefault(name, asyncio.Lock()):
            description = self._known.get(name) or await self.fresh(name)
        if description is None:
            failure = faults.misconfigured(
                "INVALID_TYPE",
                f"there is no object {name} for this user",
                "Correct the object's name, or give the integration user access to it.",
            )
            raise CallFailedError(failure)
        return description

    async def renewed(self, name: str) -> ObjectDescription:
        """The description as the org gives it now. Raises CallFailedError if there is no such object."""
        self.forget(name)
        return await self.of(name)

    def known(self, name: str) -> ObjectDescription | None:
        """The description if it has been read, without asking."""
        return self._known.get(name)

    def forget(self, name: str) -> None:
        """Ask anew the next time: the object has turned out to be different."""
        self._known.pop(name, None)


def parse_object(document: Any) -> ObjectDescription:
    """A describe answer. Raises CallFailedError if it makes no sense."""
    if not isinstance(document, Mapping) or not isinstance(document.get("name"), str):
        raise CallFailedError(faults.senseless("a describe answer does not name its object"))
    listed = document.get("fields")
    fields = [parse_field(item) for item in listed] if isinstance(listed, list) else []
    return ObjectDescription(
        name=document["name"],
        label=_text(document, "label") or document["name"],
        key_prefix=_text(document, "keyPrefix") or None,
        createable=_flag(document, "createable", False),
        updateable=_flag(document, "updateable", False),
        deletable=_flag(document, "deletable", False),
        queryable=_flag(document, "queryable", False),
        fields={field.name: field for field in fields if field is not None},
    )


def parse_field(item: Any) -> FieldDescription | None:
    """One field of a describe answer; None for one without a name or hidden for good."""
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        return None
    if item.get("deprecatedAndHidden") is True:
        return None
    return FieldDescription(
        name=item["name"],
        type=_text(item, "type") or "string",
        label=_text(item, "label") or item["name"],
        length=_number(item, "length"),
        precision=_number(item, "precision"),
        scale=_number(item, "scale"),
        digits=_number(item, "digits"),
        nillable=_flag(item, "nillable", True),
        defaulted_on_create=_flag(item, "defaultedOnCreate", False),
        createable=_flag(item, "createable", False),
        updateable=_flag(item, "updateable", False),
        calculated=_flag(item, "calculated", False),
        external_id=_flag(item, "externalId", False),
        unique=_flag(item, "unique", False),
        id_lookup=_flag(item, "idLookup", False),
        case_sensitive=_flag(item, "caseSensitive", False),
        filterable=_flag(item, "filterable", True),
        reference_to=tuple(str(name) for name in _list(item, "referenceTo")),
        picklist=tuple(
            str(entry.get("value"))
            for entry in _list(item, "picklistValues")
            if isinstance(entry, Mapping) and entry.get("active", True) is True
        ),
        restricted_picklist=_flag(item, "restrictedPicklist", False),
        compound=_text(item, "compoundFieldName") or None,
    )


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _flag(item: Mapping[str, Any], key: str, default: bool) -> bool:
    value = item.get(key)
    return value if isinstance(value, bool) else default


def _number(item: Mapping[str, Any], key: str) -> int:
    value = item.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _list(item: Mapping[str, Any], key: str) -> list[Any]:
    value = item.get(key)
    return value if isinstance(value, list) else []
