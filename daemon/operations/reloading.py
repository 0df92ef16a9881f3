"""The configuration in an administrator's hands: what a changed file would change, and having it taken up without a restart."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from daemon.domain.failure import CallFailedError, IsthmusError, RefusedError
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role

if TYPE_CHECKING:
    from daemon.operations.office import Office


class Configuration(Protocol):
    """The configuration of a running daemon, and the files that it came from."""

    def diff(self) -> Mapping[str, Any]:
        """What the files would change now. Raises IsthmusError where they are not right by themselves."""
        ...

    async def reload(self) -> Mapping[str, Any]:
        """Put what the files say in force; what that changed. Where it fails nothing changes. Raises IsthmusError or CallFailedError."""
        ...


def config_routes(office: "Office") -> tuple[Endpoint, ...]:
    """Looking is for viewers; only an administrator changes the sync."""
    return (
        Endpoint("GET", "/api/v1/config:diff", Role.VIEWER, partial(_diff, office)),
        Endpoint("POST", "/api/v1/config:reload", Role.ADMIN, partial(_reload, office)),
    )


async def _diff(office: "Office", _: ApiRequest) -> ApiReply:
    return ApiReply(_configuration(office).diff())


async def _reload(office: "Office", request: ApiRequest) -> ApiReply:
    configuration = _configuration(office)
    outcome = "refused"
    try:
        changed = await configuration.reload()
        outcome = "taken up"
    except (IsthmusError, CallFailedError):
        office.parts.meter.count(
            "isthmus_operator_actions_total", action="reload", via="api", outcome="error"
        )
        raise
    finally:
        await office.inspection.audit(operator=request.operator, action="reload", request={}, outcome=outcome)
    office.parts.meter.count("isthmus_operator_actions_total", action="reload", via="api", outcome="ok")
    return ApiReply(changed)


def _configuration(office: "Office") -> Configuration:
    found = office.configuration()
    if found is None:
        raise RefusedError(
            "this daemon cannot read its configuration anew",
            "it does not lead, or has not begun to",
            "ask the daemon that leads: --api URL",
        )
    return found
