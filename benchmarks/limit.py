"""The limit: an aiohttp server on the same event loop that reads a request, does nothing, and answers with so many bytes.

`python -m benchmarks.limit` prints its port and serves until it is ended.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from daemon.runtime.runner import run

_LARGEST_BODY = 256 << 20


async def serve() -> int:
    """Serve on a free port until the process is ended."""
    filler = bytes(_LARGEST_BODY)

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=memoryview(filler)[: int(request.query["size"])].tobytes())

    application = web.Application(client_max_size=_LARGEST_BODY)
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=600)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=512).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()
    return 0


if __name__ == "__main__":
    run(serve)
