"""The client of the daemon's API: one request a call, with a deadline, and errors in the daemon's own words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from daemon.cli.faults import ToldError
from daemon.domain.failure import IsthmusError, TryLaterError, UnreachableError, UsageError

if TYPE_CHECKING:
    import aiohttp

PREFIX = "/api/v1"
_ANSWER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Client:
    """Talks to one daemon. `base` is its address without a path, `timeout` the seconds that a call may take."""

    base: str
    token: str | None
    timeout: float

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Read something."""
        return self.call("GET", path, query=query)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """One request under /api/v1; the JSON of the answer. Query parameters that are None are left out.

        Raises UnreachableError without an answer, TryLaterError after the deadline, ToldError for a refusal.
        """
        from daemon.runtime.runner import run_for

        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{_checked(self.base)}{PREFIX}{path}" + (f"?{urlencode(given)}" if given else "")
        return run_for(lambda: self._ask(method, url, body))

    async def _ask(self, method: str, url: str, body: Mapping[str, Any] | None) -> Any:
        import aiohttp
        from yarl import URL

        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.timeout)) as session,
                session.request(
                    method, URL(url, encoded=True), json=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                return await self._answer(response)
        except TimeoutError:
            raise TryLaterError(
                f"the daemon at {self.base} did not answer",
                f"not within {self.timeout:g} s",
                "try again, or allow more with --timeout 2m",
            ) from None
        except aiohttp.ClientError as error:
            raise UnreachableError(
                f"the daemon at {self.base} cannot be reached",
                _reason(error),
                "start it with isthmus run, or name its address with --api",
            ) from None

    async def _answer(self, response: "aiohttp.ClientResponse") -> Any:
        raw = await response.content.read(_ANSWER_BYTES)
        try:
            document = json.loads(raw) if raw else None
        except ValueError:
            document = None
        if response.status < 300 and document is not None:
            return document
        if isinstance(document, dict) and "title" in document:
            raise _told(document)
        raise UnreachableError(
            f"{self.base} does not answer as an isthmus daemon does",
            f"status {response.status}, {response.content_type}",
            "check --api and http.listen",
        )


def segment(text: str) -> str:
    """One segment of a path, whatever it holds."""
    return quote(text, safe="")


def _reason(error: "aiohttp.ClientError") -> str:
    """What the system says, without the library's own words around it."""
    of_system = getattr(error, "os_error", None)
    said = of_system.strerror if isinstance(of_system, OSError) else None
    return said.lower() if said and "Connect call failed" not in said else "nothing answers there"


def _checked(base: str) -> str:
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"{base!r} is no address of an API",
            "it has no scheme and host",
            "write it as http://127.0.0.1:8470",
        )
    return base.rstrip("/")


def _told(document: Mapping[str, Any]) -> IsthmusError:
    status = document.get("exit_status")
    return ToldError(
        str(document["title"]),
        str(document.get("detail", "")),
        str(document.get("fix", "")),
        status if isinstance(status, int) else 1,
    )
