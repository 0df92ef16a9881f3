"""The rights port: who we are in the org, and which system permissions that user has.

UserPermissionAccess answers for the user who asks, also without View Setup and Configuration (Object Reference, API 41.0 and
later). Which columns it has differs from org to org: Use Any API Client is there only with API Access Control. So each is
asked for by itself, and one that is no column is a permission that the org does not know.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from adapters.salesforce import faults
from adapters.salesforce.query import query_rows
from adapters.salesforce.session import Session
from adapters.salesforce.soql import literal
from daemon.domain.failure import CallFailedError
from daemon.ports.rights import Caller, Permission

_COLUMNS: Final[Mapping[Permission, str]] = MappingProxyType(
    {
        Permission.API_ENABLED: "PermissionsApiEnabled",
        Permission.API_ONLY: "PermissionsApiUserOnly",
        Permission.USE_ANY_API_CLIENT: "PermissionsUseAnyApiClient",
        Permission.APPROVE_UNINSTALLED: "PermissionsApproveUninstalledConnectedApps",
    }
)
_NOT_THERE: Final = ("INVALID_FIELD", "INVALID_TYPE")


class SalesforceRights:
    """Implements `daemon.ports.rights.Rights`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def caller(self) -> Caller:
        """Who we are: at most seven small queries."""
        token = await self._session.token()
        where = f"FROM User WHERE Id = {literal(token.user_id)}"
        rows = await self._asked(f"SELECT Username, UserType, Profile.Name {where}")
        if rows is None:  # a user without View Setup may not be shown profiles
            rows = await self._asked(f"SELECT Username, UserType {where}") or []
        user: Mapping[str, Any] = rows[0] if rows else {}
        profile = user.get("Profile")
        return Caller(
            username=str(user.get("Username") or ""),
            user_type=str(user.get("UserType") or ""),
            profile=str(profile.get("Name") or "") if isinstance(profile, Mapping) else "",
            permissions={
                each: granted for each in Permission if (granted := await self._has(each)) is not None
            },
        )

    async def _has(self, permission: Permission) -> bool | None:
        column = _COLUMNS[permission]
        rows = await self._asked(f"SELECT {column} FROM UserPermissionAccess")  # noqa: S608 - a column of ours
        granted = rows[0].get(column) if rows else None
        return granted if isinstance(granted, bool) else None

    async def _asked(self, soql: str) -> list[Mapping[str, Any]] | None:
        """The rows; None where a column or an object is not there for this user."""
        try:
            return await query_rows(self._session, soql, "metadata")
        except CallFailedError as error:
            if faults.is_code(error, *_NOT_THERE):
                return None
            raise
