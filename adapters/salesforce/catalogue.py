"""The catalogue port: what the org says of itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from adapters.salesforce import faults
from adapters.salesforce.describe import Descriptions
from adapters.salesforce.hosts import checked_origin
from adapters.salesforce.query import query_rows
from adapters.salesforce.session import Session
from adapters.salesforce.soql import literal, select
from adapters.salesforce.tokens import TokenProvider
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.ports.salesforce import ObjectDescription

_EVENT_SUFFIX: Final = "ChangeEvent"
_CUSTOM_EVENT_SUFFIX: Final = "__ChangeEvent"
_MAY_NOT_ASK: Final = frozenset({FailureKind.PERMISSION, FailureKind.CONFIGURATION, FailureKind.MISSING})
_WRONG_CONDITION: Final = frozenset(
    {FailureKind.REJECTED, FailureKind.CONFIGURATION, FailureKind.MISSING, FailureKind.PERMISSION}
)


class SalesforceCatalogue:
    """Implements `daemon.ports.salesforce.Catalogue`."""

    def __init__(self, session: Session, tokens: TokenProvider, descriptions: Descriptions) -> None:
        self._session = session
        self._tokens = tokens
        self._descriptions = descriptions

    async def describe(self, name: str) -> ObjectDescription | None:
        """One object as it is now, or None if it does not exist or this user may not see it."""
        return await self._descriptions.fresh(name)

    async def describe_all(
        self, names: Sequence[str], *, whole: bool = False
    ) -> Mapping[str, ObjectDescription]:
        """Implements `daemon.ports.schemas.Objects`."""
        return await self._descriptions.all(names, whole=whole)

    def when_outdated(self, tell: Callable[[], None]) -> None:
        """Implements `daemon.ports.schemas.Objects`."""
        self._descriptions.when_outdated(tell)

    async def versions(self) -> Sequence[str]:
        """The API versions that the org serves, oldest first. Before a login the login host is asked."""
        settings = self._session.settings
        current = self._tokens.current
        origin = (
            current.instance_url
            if current is not None
            else checked_origin(settings.login_url, settings.domain_suffixes, settings.insecure_hosts)
        )
        document = await self._session.public(f"{origin}/services/data/")
        if not isinstance(document, list):
            raise CallFailedError(faults.senseless("the list of API versions is not a list"))
        versions = (item.get("version") for item in document if isinstance(item, Mapping))
        return sorted((text for text in versions if isinstance(text, str)), key=_version_number)

    async def organisation(self) -> Mapping[str, str]:
        """The org and the user that we are there."""
        token = await self._session.token()
        orgs = await query_rows(self._session, "SELECT Id, Name, IsSandbox FROM Organization", "metadata")
        if not orgs:
            raise CallFailedError(faults.senseless("the org does not name itself"))
        users = await query_rows(
            self._session,
            f"SELECT Username FROM User WHERE Id = {literal(token.user_id)}",  # noqa: S608 - a literal
            "metadata",
        )
        return {
            "id": str(orgs[0].get("Id") or token.org_id),
            "name": str(orgs[0].get("Name") or ""),
            "instance_url": token.instance_url,
            "user_id": token.user_id,
            "username": str(users[0].get("Username") or "") if users else "",
            "is_sandbox": "true" if orgs[0].get("IsSandbox") is True else "false",
        }

    async def condition_fault(self, name: str, condition: str) -> str | None:
        """What the org says is wrong with a condition on an object; one call."""
        try:
            await query_rows(self._session, select(["Id"], name, f"({condition})", "LIMIT 1"), "metadata")
        except CallFailedError as error:
            if error.failure.kind not in _WRONG_CONDITION:
                raise
            return f"{error.failure.code}: {error.failure.message}"
        return None

    async def objects_with_events(self) -> frozenset[str] | None:
        """The objects of which Salesforce can send change events: each has a change event object in the global describe."""
        document = await self._session.get(f"{self._session.settings.data_path}/sobjects", "metadata")
        listed = document.get("sobjects") if isinstance(document, Mapping) else None
        names = [str(item.get("name")) for item in listed or () if isinstance(item, Mapping)]
        return frozenset(object_of_event(name) for name in names if name.endswith(_EVENT_SUFFIX)) or None

    async def captured_objects(self) -> frozenset[str] | None:
        """The objects selected for Change Data Capture on any channel; None if this user may not ask."""
        try:
            rows = await query_rows(
                self._session,
                "SELECT SelectedEntity FROM PlatformEventChannelMember",
                "metadata",
                resource="tooling/query",
            )
        except CallFailedError as error:
            if error.failure.kind in _MAY_NOT_ASK:
                return None
            raise
        return frozenset(
            object_of_event(str(row["SelectedEntity"])) for row in rows if row.get("SelectedEntity")
        )


def object_of_event(event: str) -> str:
    """The object whose change event this is: `AccountChangeEvent`, or `Plan__ChangeEvent` for `Plan__c`."""
    if event.endswith(_CUSTOM_EVENT_SUFFIX):
        return event.removesuffix(_CUSTOM_EVENT_SUFFIX) + "__c"
    return event.removesuffix(_EVENT_SUFFIX)


def _version_number(text: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() else 0 for part in text.split("."))
