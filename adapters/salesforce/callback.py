"""The end of a login in a browser: Salesforce sends the browser to an address of this machine, and what it carries is heard here.

Only 127.0.0.1 is listened on. Another program of this machine that took the code from under us could do nothing with it: a code is changed
into tokens by whoever knows the secret that the login was begun with.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from daemon.domain.failure import RefusedError

PATH: Final = "/callback"
_HOST: Final = "127.0.0.1"
_SAFE: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'",
    "Referrer-Policy": "no-referrer",
}
_THANKS: Final = "Isthmus has heard from Salesforce. This page can be closed; the terminal says how it went."
_STRANGE: Final = (
    "This is not the answer to the login that Isthmus waits for. Open the address that the terminal shows."
)


class Callback:
    """One awaited answer. An answer that does not carry `state` is somebody else's, and is turned away."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()

    async def answer(self) -> Mapping[str, str]:
        """The parameters that the browser brought, once it has. The caller bounds the time."""
        return await self._answer

    async def handle(self, request: web.Request) -> web.Response:
        """Take an answer of the browser's."""
        brought = {name: value for name, value in request.query.items() if name != "state"}
        ours = hmac.compare_digest(request.query.get("state", "").encode(), self._state.encode())
        if not ours or not (brought.get("code") or brought.get("error")):
            return web.Response(status=400, text=_STRANGE, headers=_SAFE)
        if not self._answer.done():
            self._answer.set_result(brought)
        return web.Response(text=_THANKS, headers=_SAFE)


def address(port: int) -> str:
    """The callback address that the app must list, character by character."""
    return f"http://localhost:{port}{PATH}"


@asynccontextmanager
async def listening(state: str, port: int) -> AsyncIterator[Callback]:
    """Listen for the answer of one login while the block lasts. Raises RefusedError where the port is taken."""
    callback = Callback(state)
    app = web.Application()
    app.router.add_get(PATH, callback.handle, allow_head=False)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, _HOST, port, reuse_address=True).start()
        except OSError as error:
            what = (
                f"port {port} of {_HOST} cannot be listened on, so the answer of the login would not arrive"
            )
            fix = "end what listens there, or take another port with --port (the app must list its callback address)"
            raise RefusedError(what, (error.strerror or str(error)).lower(), fix) from None
        yield callback
    finally:
        await runner.cleanup()
