"""Reading an answer's body without trusting its size."""

import aiohttp


class BodyTooLargeError(Exception):
    """A body is longer than it may be, after decompression."""


async def read_capped(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The whole body, of at most `limit` bytes. Raises BodyTooLargeError, and what aiohttp raises."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit:
            response.close()
            raise BodyTooLargeError(f"more than {limit} bytes")
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
