"""The emulator's control API, as tests use it."""

from types import TracebackType
from typing import Any, Self

import aiohttp

from adapters.emulator import Announcement


class Control:
    """Steers an emulated org."""

    def __init__(self, announcement: Announcement) -> None:
        self._url = announcement.control_url.rstrip("/")
        self._http = aiohttp.ClientSession(headers={"Authorization": f"Bearer {announcement.control_token}"})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def post(self, command: str, **body: Any) -> Any:
        """Give a command."""
        return await self._ask("POST", command, body)

    async def get(self, command: str) -> Any:
        """Ask for something."""
        return await self._ask("GET", command, None)

    async def delete(self, command: str) -> Any:
        """Have something forgotten."""
        return await self._ask("DELETE", command, None)

    async def fault(self, **fault: Any) -> None:
        """Set a fault, once unless it says otherwise."""
        await self.post("faults", **{"times": 1, **fault})

    async def requests(self, path: str) -> list[dict[str, Any]]:
        """The served requests whose path holds this text."""
        entries = (await self.get("requests"))["requests"]
        return [entry for entry in entries if path in entry["path"]]

    async def _ask(self, method: str, command: str, body: object) -> Any:
        async with self._http.request(method, f"{self._url}/{command}", json=body) as response:
            answer = await response.json()
            assert response.status == 200, answer
            return answer
