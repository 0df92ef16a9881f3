"""What the routes of the API have in common: parameters read and checked, pages answered, acts counted."""

from collections.abc import Mapping
from typing import Any, Final

from daemon.domain.failure import UsageError
from daemon.operations.masking import masked
from daemon.operations.naming import stored_name
from daemon.operations.office import Office
from daemon.ports.api import ApiReply, ApiRequest
from daemon.ports.database import Page

LIMIT_MOST: Final = 500
MOST: Final = 2**63 - 1
"""The largest number that the database can hold as an id."""
PAGE: Final = frozenset({"limit", "cursor"})


def page(office: Office, request: ApiRequest, found: Page) -> ApiReply:
    """One page of a list, with sensitive values hidden from those who may not see them."""
    return ApiReply({"items": masked(office.parts.steps, request, list(found.items)), "next": found.next})


def asked(office: Office, query: Mapping[str, str]) -> str | None:
    """The step that a list is limited to, by the name under which it is stored; None for every one."""
    return stored_name(office.parts.steps, query.get("step"))


def limit(query: Mapping[str, str]) -> int:
    """How many items a page has: at most `LIMIT_MOST`."""
    return min(LIMIT_MOST, max(1, number(query.get("limit", "100"), "limit")))


def number(text: str, name: str) -> int:
    """A whole number. Raises UsageError."""
    try:
        found = int(text)
    except ValueError as error:
        raise UsageError(
            f"{name}={text[:40]} is not a number", "it takes a whole number", f"write {name}=17"
        ) from error
    if abs(found) > MOST:
        raise UsageError(f"{name}={text[:40]} is too large", f"the largest one is {MOST}", f"write {name}=17")
    return found


def text(body: Mapping[str, Any], name: str) -> str | None:
    """A text of the body, or None where it is not given. Raises UsageError."""
    value = body.get(name)
    if value is None or isinstance(value, str):
        return value
    raise UsageError(f"{name} is not understood", "it is a text", f'write {{"{name}": "…"}}')


def texts(body: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    """Texts that must be given. Raises UsageError that names the missing ones."""
    found = {name: text(body, name) for name in names}
    missing = [name for name, value in found.items() if value is None]
    if missing:
        wanted = ", ".join(f'"{name}": …' for name in names)
        raise UsageError(
            f"{', '.join(missing)} is missing", f"it takes {', '.join(names)}", f"write {{{wanted}}}"
        )
    return tuple(str(value) for value in found.values())


def flag(query: Mapping[str, str], name: str) -> bool:
    """A yes or no of the query; no, where it is left out. Raises UsageError."""
    given = query.get(name, "false")
    if given not in ("true", "false"):
        raise UsageError(
            f"{name}={given[:40]} is not understood", "it is true or false", f"write ?{name}=true"
        )
    return given == "true"


def counted(office: Office, action: str) -> None:
    """Count an operator's act that was done."""
    office.parts.meter.count("isthmus_operator_actions_total", action=action, via="api", outcome="ok")
