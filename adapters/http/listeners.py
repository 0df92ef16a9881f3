"""Addresses to listen on, and what is said when one cannot be had."""

import errno

from aiohttp import web

from adapters.http.guard import is_loopback
from daemon.domain.failure import ConfigurationError, IsthmusError, RefusedError

Address = tuple[str, int]
"""Host and port; port 0 lets the system choose one."""


def check_exposure(address: Address, *, tokens: bool) -> None:
    """Raises RefusedError for an API that others could reach while no token is set."""
    if not tokens and not is_loopback(address[0]):
        raise RefusedError(
            f"the API does not listen on {spoken(address)}",
            "other machines could reach it, and no token is configured",
            "add one under http.auth.tokens, or set http.listen to 127.0.0.1:8470",
        )


async def listen(runner: web.AppRunner, address: Address, setting: str) -> Address:
    """Listen, and give back the address with the port that it got. Raises RefusedError or ConfigurationError."""
    host, port = address
    site = web.TCPSite(runner, host, port, reuse_port=False)
    try:
        await site.start()
    except OSError as error:
        raise _explained(error, address, setting) from None
    name = next(iter(runner.addresses), (host, port))
    return str(name[0]), int(name[1])


def spoken(address: Address) -> str:
    """`host:port`, IPv6 in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _explained(error: OSError, address: Address, setting: str) -> IsthmusError:
    what = f"cannot listen on {spoken(address)}"
    if error.errno == errno.EADDRINUSE:
        return RefusedError(
            what,
            "another process uses that port",
            f"find it with: ss -ltnp 'sport = :{address[1]}', stop it, or set {setting} to another port",
        )
    if error.errno == errno.EACCES:
        return RefusedError(what, "ports below 1024 need a privilege", f"set {setting} to a port above 1023")
    return ConfigurationError(
        what, error.strerror or str(error), f"set {setting} to an address of this machine"
    )
