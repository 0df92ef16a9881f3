"""The body of a write, which knows when its last byte was given to the connection."""

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload

from daemon.ports.failpoints import Failpoint, Failpoints


class SentBody(BytesPayload):
    """JSON to send. From the moment when it has left, only Salesforce knows whether the write was done."""

    def __init__(self, body: bytes, failpoints: Failpoints) -> None:
        super().__init__(body, content_type="application/json")
        self._failpoints = failpoints

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write it, and pass the failpoint behind it."""
        await super().write_with_length(writer, content_length)
        await self._failpoints.reach(Failpoint.REQUEST_SENT)
