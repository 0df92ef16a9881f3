"""One POST at a time to an address of somebody else's, bounded in time and in what is read of the answer."""

from collections.abc import Mapping
from typing import Final

import aiohttp

from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason
from daemon.ports.actions import Reply

DEADLINE: Final = aiohttp.ClientTimeout(total=10, connect=5)
SAID_MOST: Final = 500
"""Bytes of an answer that are kept, for the operator."""
USER_AGENT: Final = "isthmus"


class Poster:
    """The port `Webhooks`. Redirections are not followed: a signed body goes to the address that was configured, or nowhere."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=DEADLINE, auto_decompress=False, headers={"User-Agent": USER_AGENT}
                ) as session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                said = await response.content.read(SAID_MOST)
                return Reply(response.status, said.decode("utf-8", "replace").strip())
        except TimeoutError as error:
            raise CallFailedError(
                _failure("WEBHOOK_TIMEOUT", "The address did not answer in time.")
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a host that is no name
            raise CallFailedError(
                _failure("WEBHOOK_UNREACHABLE", f"The address cannot be reached: {error}")
            ) from error


def _failure(code: str, message: str) -> Failure:
    return Failure(
        FailureKind.TRANSIENT,
        Reason.TRANSPORT,
        code,
        message,
        "Check the address and the way to it. It is tried again by itself; once it is parked: isthmus action retry.",
    )
