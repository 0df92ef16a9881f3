"""Descriptions of objects, read once and kept: what a sync must know of fields before it can read or write them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.salesforce import faults
from adapters.salesforce.server_clock import http_date
from adapters.salesforce.session import Request, Session
from adapters.salesforce.soql import name as checked_name
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.ports.salesforce import FieldDescription, ObjectDescription

NUMERIC_TYPES: Final = frozenset({"int", "long", "double", "currency", "percent"})
INNER_MOST: Final = 25
SAME_TIME: Final = timedelta(minutes=1)
"""How long after an answer a change is still asked for: dates are whole seconds, and a change takes a while to be dated."""
COMPOUND_TYPES: Final = frozenset({"address", "location"})


class Descriptions:
    """The descriptions of this user's objects, from the org at the first asking and from memory afterwards."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, ObjectDescription] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._as_of: dict[str, datetime] = {}
        self._tell: Callable[[], None] = lambda: None

    def when_outdated(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when an object turns out to be different from its description."""
        self._tell = tell

    async def all(self, names: Sequence[str], *, whole: bool = False) -> dict[str, ObjectDescription]:
        """Those of these objects that exist for this user, as the org gives them now: one call for up to 25.

        What has not changed since it was asked for is not sent again, unless it is wanted `whole`. Raises CallFailedError.
        """
        found: dict[str, ObjectDescription] = {}
        for start in range(0, len(names), INNER_MOST):
            chunk = names[start : start + INNER_MOST]
            inner = [self._inner(index, name, whole=whole) for index, name in enumerate(chunk)]
            path = f"{self._session.settings.data_path}/composite"
            body = {"allOrNone": False, "compositeRequest": inner}
            answer = await self._session.send(
                Request("POST", path, "metadata", body, safe=True, api="composite")
            )
            answers = _by_reference(answer.json())
            for index, name in enumerate(chunk):
                description = self._answered(name, answers.get(f"d{index}"), answer.date)
                if description is not None:
                    found[name] = description
        return found

    def _inner(self, index: int, name: str, *, whole: bool) -> dict[str, Any]:
        url = f"{self._session.settings.data_path}/sobjects/{checked_name(name)}/describe"
        inner: dict[str, Any] = {"method": "GET", "url": url, "referenceId": f"d{index}"}
        since = self._as_of.get(name)
        if since is not None and name in self._known and not whole:
            inner["httpHeaders"] = {"If-Modified-Since": http_date(since)}
        return inner

    def _answered(
        self, name: str, answer: Mapping[str, Any] | None, at: datetime
    ) -> ObjectDescription | None:
        if answer is None:
            raise CallFailedError(faults.senseless(f"the composite answer does not speak of {name}"))
        status, known = answer.get("httpStatusCode"), self._known.get(name)
        if status == 304 and known is not None:
            return known
        if status == 200:
            self._as_of[name] = at - SAME_TIME
            self._known[name] = parse_object(answer.get("body"))
            return self._known[name]
        failure = faults.of_inner_read(status if isinstance(status, int) else 500, answer.get("body"))
        if failure.kind is FailureKind.MISSING or failure.code in ("INVALID_TYPE", "NOT_FOUND"):
            self._known.pop(name, None)
            return None
        raise CallFailedError(failure)

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
        self._known.pop(name, None)
        return await self.of(name)

    def known(self, name: str) -> ObjectDescription | None:
        """The description if it has been read, without asking."""
        return self._known.get(name)

    def forget(self, name: str) -> None:
        """Ask anew the next time: the object has turned out to be different."""
        self._known.pop(name, None)
        self._tell()


def _by_reference(document: Any) -> dict[str, Mapping[str, Any]]:
    listed = document.get("compositeResponse") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise CallFailedError(faults.senseless("a composite call was not answered as one"))
    return {str(item.get("referenceId")): item for item in listed if isinstance(item, Mapping)}


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
        relationship=_text(item, "relationshipName") or None,
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
