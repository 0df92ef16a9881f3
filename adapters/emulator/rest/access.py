"""`UserPermissionAccess`: the system permissions of the user who asks, in one row that nobody stores.

Salesforce gives it to every API user, also without View Setup and Configuration. A permission that the org has no use for is no column.
"""

from __future__ import annotations

from adapters.emulator.errors import RequestRefused
from adapters.emulator.http import Call
from adapters.emulator.org import Org
from adapters.emulator.soql.tree import FieldItem, Query
from adapters.emulator.store.permissions import SystemPermission

ACCESS = "UserPermissionAccess"
_PREFIX = "Permissions"


def permission_access(org: Org, call: Call, query: Query) -> dict[str, object]:
    """The answer to a query of the object. Raises RequestRefused."""
    record: dict[str, object] = {
        "attributes": {
            "type": ACCESS,
            "url": f"/services/data/{call.path_version}/sobjects/{ACCESS}/000000000000000AAA",
        }
    }
    known = {f"{_PREFIX}{each}".lower(): each for each in SystemPermission if _there(org, each)}
    for item in query.items:
        permission = known.get(item.path.lower()) if isinstance(item, FieldItem) else None
        if permission is None or not isinstance(item, FieldItem):
            named = item.path if isinstance(item, FieldItem) else "expr0"
            raise RequestRefused(400, "INVALID_FIELD", f"No such column '{named}' on entity '{ACCESS}'.")
        record[f"{_PREFIX}{permission}"] = _granted(org, call.user_id, permission)
    return {"totalSize": 1, "done": True, "records": [record]}


def _there(org: Org, permission: SystemPermission) -> bool:
    return permission is not SystemPermission.USE_ANY_API_CLIENT or org.switches.api_access_control


def _granted(org: Org, user_id: str, permission: SystemPermission) -> bool:
    given = org.records.permissions.system_granted(user_id, permission)
    if permission is SystemPermission.API_USER_ONLY:
        return given and user_id == org.integration_user
    return given
