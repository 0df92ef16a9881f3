"""A world of one of the shipped examples: its configuration as it is, and laid over it what this machine is like."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from tests.support.databases import Databases
from tests.support.terminal import Terminal
from tests.support.world import World
from tests.support.world_org import Org
from tests.support.world_program import Done, until
from tests.support.world_shape import Shape

EXAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "examples"
ROLES = ("admin", "operator", "viewer")
_SQL_SECONDS = 20.0
_QUICK = """
defaults:
  retry: { attempts: 8, first: 100ms, max: 1s }
http:
  listen: 127.0.0.1:0
  metrics_listen: 127.0.0.1:0
"""


@dataclass(slots=True)
class Example(World):
    """A world of an example. All commands are typed at one terminal: starting Python for each would take most of a test's time."""

    terminal: Terminal | None = None


@asynccontextmanager
async def example(databases: Databases, folder: Path, name: str) -> AsyncIterator[Example]:
    """The world of `deploy/examples/NAME`: an org with its fields and a database with its tables, and nothing installed yet.

    Every process ends with the block.
    """
    shipped = EXAMPLES / name
    org = await Org.start(folder, (shipped / "org.yaml").read_text("utf-8"))
    try:
        async with databases.fresh() as dsn:
            connection = await asyncpg.connect(dsn, timeout=_SQL_SECONDS)
            tables = (shipped / "schema.sql").read_text("utf-8")
            shape = Shape(name, tables, "", "")
            made = Example(folder, dsn, org, shape, connection, shipped=(shipped / "isthmus.yaml",))
            made.config.write_text(_over(org, dsn), "utf-8")
            _secrets(folder, org)
            try:
                await connection.execute(tables, timeout=_SQL_SECONDS)
                with Terminal(folder, secrets_dir(made)) as made.terminal:
                    yield made
                print(made.tails())  # shown where the test failed
            except BaseException:
                print(made.tails())
                raise
            finally:
                for program in made.programs:
                    program.kill()
                await connection.close(timeout=_SQL_SECONDS)
    finally:
        org.close()


def _over(org: Org, dsn: str) -> str:
    """The shipped file of this machine with the addresses of today, and the settings that make a test quick."""
    text = (EXAMPLES / "on-this-machine.yaml").read_text("utf-8")
    for written, today in (
        ("http://localhost:8080", org.url),
        ("postgresql://postgres@127.0.0.1:5432/app", f'"{dsn}"'),
    ):
        assert written in text
        text = text.replace(written, today, 1)
    return text + _QUICK


def _secrets(folder: Path, org: Org) -> None:
    """The credentials that an example names, one file each."""
    given = {
        "sf_client_id": org.facts["client_id"],
        "sf_client_secret": org.facts["client_secret"],
        "pg_password": "of no use on this machine",
        **{f"{role}_token": f"the-token-of-{role}-with-forty-characters-x" for role in ROLES},
    }
    for name, text in given.items():
        file = folder / name
        file.touch(mode=0o600)
        file.write_text(text, "utf-8")


def secrets_dir(world: World) -> dict[str, str]:
    """What tells a process where the credentials are."""
    return {"ISTHMUS_SECRETS_DIR": str(world.folder)}


async def operate(world: Example, *arguments: str, role: str = "admin") -> Done:
    """Run a command as who holds the token of a role."""
    assert world.terminal is not None
    api = ("--api", world.api, "--token-file", str(world.folder / f"{role}_token")) if world.api else ()
    shown = await asyncio.to_thread(world.terminal.type, [*arguments, *world.files, *api], "")
    return Done(shown.status, shown.out, shown.err)


async def told(world: Example, *arguments: str, role: str = "admin", status: int = 0) -> Any:
    """The document that a command prints, which must leave with this status."""
    done = await operate(world, *arguments, "--json", role=role)
    assert done.status == status, (arguments, done.status, done.out, done.err)
    return done.json() if done.out else None


async def installed(world: Example) -> None:
    """Check the configuration, make the schema and the triggers, as an operator does before the first start."""
    checked = await told(world, "config", "check")
    assert [each for each in checked["findings"] if each["level"] == "problem"] == []
    for words in (("migrate",), ("capture", "install")):
        done = await operate(world, *words)
        assert done.status == 0, done.err


async def make(world: World, sobject: str, **values: object) -> str:
    """A new record in the org; its id."""
    made = await world.org.talk(lambda client: getattr(client, sobject).create(values))
    return str(made["id"])


async def change(world: World, sobject: str, record: str, **values: object) -> None:
    """Change a record in the org."""
    await world.org.talk(lambda client: getattr(client, sobject).update(record, values))


async def becomes(world: World, query: str, expected: object) -> None:
    """Wait until a query of the database gives this value."""

    async def there() -> bool:
        return bool(await world.value(query) == expected)

    await until(there, f"{query} gives {expected}")


async def in_org(world: World, soql: str, **expected: object) -> dict[str, Any]:
    """The one record that a query of the org gives, once it has these values."""

    async def there() -> dict[str, Any] | None:
        found = await world.org.query(soql)
        return found[0] if len(found) == 1 and expected.items() <= found[0].items() else None

    found = await until(there, f"{soql} gives {expected}")
    assert found is not None
    return found
