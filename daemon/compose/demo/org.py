"""The org as another application would use it: plain REST calls, and the emulator's control API for what a person does by mouse.

Nothing of `adapters.salesforce` is used, so that the demo's check does not believe the code that it checks.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from daemon.domain.failure import UnreachableError

_SECONDS = 10.0
_DATA = "/services/data/v62.0"
_WRITES = frozenset({"rows", "collections", "composite", "bulk"})


class Org:
    """One org. Each call has ten seconds; raises UnreachableError for any answer that is no success."""

    def __init__(self, session: aiohttp.ClientSession, facts: Mapping[str, str]) -> None:
        self._session = session
        self._url = facts["url"]
        self._token = facts["access_token"]
        self._control_url = facts["control_url"]
        self._control_token = facts["control_token"]

    async def create(self, sobject: str, values: Mapping[str, object]) -> str:
        """Make a record; its id."""
        made = await self._ask("POST", f"{_DATA}/sobjects/{sobject}", values)
        return str(made["id"])

    async def update(self, sobject: str, record: str, values: Mapping[str, object]) -> None:
        """Change fields of a record."""
        await self._ask("PATCH", f"{_DATA}/sobjects/{sobject}/{record}", values)

    async def delete(self, sobject: str, record: str) -> None:
        """Put a record into the Recycle Bin."""
        await self._ask("DELETE", f"{_DATA}/sobjects/{sobject}/{record}")

    async def undelete(self, record: str) -> None:
        """Take a record out of the Recycle Bin."""
        await self._control("POST", "undelete", {"id": record})

    async def get(self, sobject: str, record: str) -> Mapping[str, Any]:
        """A live record's fields. Raises UnreachableError where there is none."""
        return dict(await self._ask("GET", f"{_DATA}/sobjects/{sobject}/{record}"))

    async def query(self, soql: str) -> list[Mapping[str, Any]]:
        """The records of a query, all pages of it."""
        page = await self._ask("GET", f"{_DATA}/query", parameters={"q": soql})
        records = list(page["records"])
        while not page["done"]:
            page = await self._ask("GET", page["nextRecordsUrl"])
            records += page["records"]
        return records

    async def writes(self) -> int:
        """How many requests that write the org has served since its start, whoever sent them."""
        counts = (await self._control("GET", "requests?summary=1"))["counts"]
        return sum(each["count"] for each in counts if each["kind"] in _WRITES and each["method"] != "GET")

    async def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Any:
        return await self._send(method, f"{self._url}{path}", self._token, body, parameters)

    async def _control(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        return await self._send(method, f"{self._control_url}/{path}", self._control_token, body, None)

    async def _send(
        self,
        method: str,
        url: str,
        token: str,
        body: Mapping[str, object] | None,
        parameters: Mapping[str, str] | None,
    ) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with self._session.request(
                method, url, json=body, params=parameters, headers=headers
            ) as response:
                if response.status < 400:
                    return await response.json() if response.status != 204 else None
                why = (await response.text())[:300]
        except (aiohttp.ClientError, TimeoutError) as error:
            why = str(error) or "no answer in time"
        raise UnreachableError(
            f"the emulated org did not do {method} {url}", why, "read emulator.log in the demo's folder"
        )


@asynccontextmanager
async def open_org(facts: Mapping[str, str]) -> AsyncIterator[Org]:
    """The org that the emulator announced, until the block ends."""
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Org(session, facts)


async def answers(url: str) -> bool:
    """Whether a GET of `url` succeeds by now."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2.0)) as session,
            session.get(url) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
