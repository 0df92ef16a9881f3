"""What a request must pass before its endpoint sees it: it was meant for this host, no foreign page sent it, and its
token has the role.

A web page in the operator's browser can make requests to this machine, by a name of its own that resolves to
127.0.0.1 (DNS rebinding). So the Host header must be a loopback name, a configured one, or the very address
that the connection came in on.
"""

import ipaddress
from collections.abc import Callable, Collection, Sequence

import structlog
from aiohttp import web

from adapters.http.problems import ProblemError
from adapters.http.tokens import Caller, Token, caller_of
from daemon.ports.api import Role

_log = structlog.stdlib.get_logger(__name__)

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "ip6-localhost"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def check_host(request: web.Request, allowed: Collection[str]) -> None:
    """Raises ProblemError (421) for a Host that is not ours."""
    host = host_name(request.headers.get("Host", ""))
    if host in _LOOPBACK_NAMES or host in allowed or host == _own_address(request):
        return
    raise ProblemError(
        421, "misdirected", "this host name is not served here",
        "the Host header names neither a loopback address nor a configured host",
        "call it by the address that it listens on",
    )  # fmt: skip


def check_origin(request: web.Request) -> None:
    """Raises ProblemError (403) for a write that a page of another site has sent."""
    if request.method not in _SAFE_METHODS and request.headers.get("Sec-Fetch-Site", "none") not in (
        "none",
        "same-origin",
    ):
        raise ProblemError(
            403, "cross-site", "this request comes from a page of another site",
            "the browser says so in Sec-Fetch-Site", "use the command line, or a page of this daemon",
        )  # fmt: skip


def authorise(request: web.Request, needed: Role, tokens: Callable[[], Sequence[Token]]) -> Caller:
    """Who calls. Raises ProblemError: 401 without a good token, 403 where the role is too low."""
    known = tokens()
    caller = caller_of(request.headers.get("Authorization", ""), known)
    if needed is Role.NONE or caller.role >= needed:
        return caller
    if caller.role is Role.NONE:
        raise ProblemError(
            401,
            "unauthenticated",
            "a token is needed",
            "the request has no bearer token, or one that is not known here"
            if known
            else "no tokens are configured, so nobody may use the API",
            "name a file that holds a token: --token-file FILE"
            if known
            else "add one under http.auth.tokens",
            WWW_Authenticate='Bearer realm="isthmus"',
        )
    resource = request.match_info.route.resource
    _log.warning(
        "http.role_refused",
        token=caller.name,
        role=caller.role.name.lower(),
        needed=needed.name.lower(),
        method=request.method,
        route=resource.canonical if resource is not None else "",  # the pattern: a path holds data
    )
    raise ProblemError(
        403,
        "role",
        f"the role {needed.name.lower()} is needed",
        f"the token {caller.name} has the role {caller.role.name.lower()}",
        "use a token with that role, or ask somebody who has one",
    )


def host_name(host: str) -> str:
    """A Host header without its port, in lower case; an IPv6 address without brackets."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reachable from this machine alone."""
    if host in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _own_address(request: web.Request) -> str:
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return str(name[0]).lower() if isinstance(name, tuple) else ""
