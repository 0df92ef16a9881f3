"""A world whose daemon meets both sides through fault proxies."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.support.databases import Databases
from tests.support.fault_proxy import FaultProxy
from tests.support.world import World, world
from tests.support.world_program import until

_NUMBERS = count(1)


@dataclass(slots=True)
class Between:
    """A world, and the network of its daemon. The tests themselves reach both sides directly."""

    world: World
    postgres: FaultProxy
    salesforce: FaultProxy

    async def insert(self) -> str:
        """A new row; its marker."""
        marker = f"here {next(_NUMBERS)}"
        await self.world.execute("INSERT INTO crm.companies (name, marker) VALUES ($1, $1)", marker)
        return marker

    async def create(self) -> str:
        """A new record; its marker."""
        marker = f"there {next(_NUMBERS)}"
        await self.world.org.talk(lambda c: c.Account.create({"Name": marker, "AccountNumber": marker}))
        return marker

    async def across(self, marker: str, seconds: float) -> None:
        """Until what bears this marker is on both sides; the bar is in seconds."""

        async def there() -> bool:
            rows = await self.world.value("SELECT count(*) FROM crm.companies WHERE marker = $1", marker)
            records = await self.world.org.query(f"SELECT Id FROM Account WHERE AccountNumber = '{marker}'")
            return bool(rows and records)

        await until(there, f"{marker!r} is on both sides", seconds, every=0.1)

    async def down(self, component: str, seconds: float) -> None:
        """Until the daemon tells that this component does not do well."""
        await self._told(component, "0.0", seconds)

    async def healthy(self, component: str, seconds: float) -> None:
        """Until the daemon tells that this component does well."""
        await self._told(component, "1.0", seconds)

    async def _told(self, component: str, value: str, seconds: float) -> None:
        async def told() -> bool:
            _, text = await self.world.get(f"{self.world.metrics}/metrics")
            return f'isthmus_component_up{{component="{component}"}} {value}' in text

        await until(told, f"{component} is {value}", seconds, every=0.1)

    async def given_up(self) -> float:
        """How many REST calls of the daemon ended without an answer."""
        _, text = await self.world.get(f"{self.world.metrics}/metrics")
        lines = [line for line in text.splitlines() if line.startswith("isthmus_salesforce_requests_total{")]
        lost = [line for line in lines if 'outcome="transport"' in line and 'api="stream"' not in line]
        return sum(float(line.rpartition(" ")[2]) for line in lost)

    async def nothing_twice(self) -> None:
        """At rest, no marker is there twice, and every row has its record."""
        await self.world.quiescent()
        rows = await self.world.fetch("SELECT marker FROM crm.companies ORDER BY marker")
        records = await self.world.org.query("SELECT AccountNumber FROM Account ORDER BY AccountNumber")
        ours = [row["marker"] for row in rows]
        assert ours == sorted(record["AccountNumber"] for record in records)
        assert len(set(ours)) == len(ours)
        assert await self.world.value("SELECT count(*) FROM isthmus.link WHERE state = 'linked'") == len(ours)


@asynccontextmanager
async def between(databases: Databases, folder: Path) -> AsyncIterator[Between]:
    """A world at rest, with fair weather."""
    async with world(databases, folder) as made:
        server = {name: values[0] for name, values in parse_qs(urlsplit(made.dsn).query).items()}
        socket = f"{server['host']}/.s.PGSQL.{server['port']}"
        org = urlsplit(made.org.url)
        assert org.hostname is not None
        assert org.port is not None
        async with FaultProxy(socket) as postgres, FaultProxy((org.hostname, org.port)) as salesforce:
            database = urlsplit(made.dsn).path
            dsn = f"postgresql://postgres@127.0.0.1:{postgres.port}{database}?sslmode=disable"
            made.configure((made.dsn, dsn), (made.org.url, f"http://127.0.0.1:{salesforce.port}"))
            await made.start()
            await made.quiescent()
            yield Between(made, postgres, salesforce)
