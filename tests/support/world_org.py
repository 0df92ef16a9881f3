"""The org of a world: `isthmus emulator` as a process, and simple-salesforce, which nobody here wrote, as its client."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import requests
from simple_salesforce.api import Salesforce

from tests.support.world_program import Program, until

_CALL_SECONDS = 15.0
_START_SECONDS = 90.0
"""A seed of 100,000 records takes a while on a busy machine."""

T = TypeVar("T")

_RETRIEVE = re.compile(r"/composite/sobjects/\w+$")
"""Reading a list of ids is a POST too."""


class LoopbackSession(requests.Session):
    """The client insists on https; the emulator speaks http on the loopback address."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._secure = url.replace("http://", "https://", 1)
        self.trust_env = False

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", _CALL_SECONDS)
        return super().request(method, str(url).replace(self._secure, self._url, 1), *args, **kwargs)


class Org:
    """A running org. `facts` is what it announced: `url`, `client_id`, `client_secret`, `access_token` and the rest."""

    def __init__(self, program: Program, facts: Mapping[str, str]) -> None:
        self.program = program
        self.facts = facts
        self.url = facts["url"]
        self._session = LoopbackSession(self.url)
        self._lock = threading.Lock()
        self.client: Any = Salesforce(
            session=self._session,
            version="62.0",
            session_id=facts["access_token"],
            instance_url=self.url,
        )

    @classmethod
    async def start(cls, folder: Path, seed: str) -> Self:
        """Start an org with the records and fields of a seed file's text; returns as soon as it serves."""
        seed_file = folder / "seed.yaml"
        seed_file.write_text(seed, "utf-8")
        arguments = ["emulator", "--port", "0", "--seed", str(seed_file), "--json"]
        program = Program("emulator", arguments, folder=folder)
        try:

            async def announced() -> str:
                assert program.status is None, program.tail()
                return program.out if program.out.endswith("\n") else ""

            line = await until(announced, "the emulator announces itself", _START_SECONDS)
            return cls(program, json.loads(line))
        except BaseException:
            program.kill()
            raise

    def close(self) -> None:
        """Stop the org as a power cut would."""
        self._session.close()
        self.program.kill()

    async def talk(self, work: Callable[[Any], T]) -> T:
        """Blocking work with the client, in a thread; one at a time."""

        def inside() -> T:
            with self._lock:
                return work(self.client)

        return await asyncio.to_thread(inside)

    async def query(self, soql: str) -> list[dict[str, Any]]:
        """All records of a query."""
        found: dict[str, Any] = await self.talk(lambda client: client.query_all(soql))
        return [
            {name: value for name, value in record.items() if name != "attributes"}
            for record in found["records"]
        ]

    async def one(self, sobject: str, record: str, field: str) -> Any:
        """One field of one record; None also where there is no such record."""
        rows = await self.query(f"SELECT {field} FROM {sobject} WHERE Id = '{record}'")
        return rows[0][field] if rows else None

    async def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A command of the control API, and its answer."""

        def inside() -> Any:
            reply = requests.request(
                method,
                f"{self.facts['control_url']}/{path}",
                headers={"Authorization": f"Bearer {self.facts['control_token']}"},
                json=body,
                timeout=_CALL_SECONDS,
            )
            assert reply.status_code == 200, reply.text
            return reply.json()

        return await asyncio.to_thread(inside)

    async def expire_sessions(self) -> None:
        """End every session with the org but the client's own, which gets a new one."""
        await self.control("POST", "tokens/expire")
        issued = await self.control("POST", "tokens/issue")

        def renew(client: Any) -> None:
            client.session_id = issued["access_token"]
            client.headers["Authorization"] = f"Bearer {client.session_id}"

        await self.talk(renew)

    async def writes(self) -> list[dict[str, Any]]:
        """The requests served until now that could change a record, oldest first, without those of OAuth and CometD."""
        served = (await self.control("GET", "requests"))["requests"]
        reading = ("oauth", "cometd", "query", "describe", "limits", "versions", "replication")
        return [
            entry
            for entry in served
            if entry["method"] in ("POST", "PATCH", "PUT", "DELETE")
            and entry["kind"] not in reading
            and not (entry["method"] == "POST" and _RETRIEVE.search(entry["path"]))
        ]
