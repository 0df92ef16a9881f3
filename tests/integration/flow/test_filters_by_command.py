"""Filters as an operator gives them: written by command, saved in the file, and in force once the running daemon has taken that up."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from adapters.postgres.kept import KeptFacts
from daemon.cli.app import main
from daemon.compose.reloading import Reloading
from daemon.flow.refiltering import Refiltering
from daemon.settings.load import load
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.drifting import TEXT, Drifting, drifting
from tests.integration.flow.scenes import LATER
from tests.support.road import Road, shift

if TYPE_CHECKING:
    from daemon.compose.assembly import Daemon

ENVIRON = {"KEY": "k"}
SAVED = "filters:\n  berlin: { sql: city = 'Berlin' }\nsteps:\n"


class Running:
    """A daemon that runs by a file, and the commands that edit the file."""

    def __init__(self, scene: Drifting, file: Path) -> None:
        road = scene.road
        self.road = road
        self._file = file
        sides = SimpleNamespace(database=road.database, pool=road.pool)
        daemon = SimpleNamespace(
            settings=load([file], ENVIRON),
            lease=road.lease,
            parts=road.parts,
            sides=sides,
            refused=None,
            meter=road.meter,
            clock=road.parts.clock,
        )
        self._reloading = Reloading(cast("Daemon", daemon), scene.watch, lambda: load([file], ENVIRON))
        self._refiltering = Refiltering(road.parts, KeptFacts(road.pool))

    async def command(self, *arguments: str) -> None:
        """An edit of the file. In a thread: the stream is held open meanwhile."""
        status = await asyncio.to_thread(main, ["--config", str(self._file), "step", "filter", *arguments])
        assert status == 0

    async def reload(self) -> None:
        """Take up the file, and do what the daemon does by itself then."""
        await self._reloading.reload()
        await self._refiltering.look()
        await self.road.settle()

    async def companies(self, *cities: str) -> Sequence[str]:
        """Insert a company for each city; the names of all records that Salesforce has then, in order."""
        for city in cities:
            await self.road.insert("company", name=f"of {city}", city=city)
        await self.road.settle()
        return sorted(str(record["Name"]) for record in self.road.org.rows("Account"))


async def running(make_road: MakeRoad, folder: Path) -> Running:
    file = folder / "isthmus.yaml"
    file.write_text(TEXT.replace("steps:\n", SAVED), encoding="utf-8")
    found = Running(await drifting(make_road), file)
    await found.reload()
    return found


async def rows(road: Road) -> list[str]:
    return sorted(row["name"] for row in await road.rows("company"))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "k")


@pytest.mark.requirement("S1-61", "S1-62", "S1-63")
async def test_a_loaded_filter_is_in_force_once_it_is_saved_and_a_cleared_one_no_more(
    make_road: MakeRoad, tmp_path: Path
) -> None:
    here = await running(make_road, tmp_path)
    await here.command("load", "companies", "berlin", "--dry-run")
    await here.reload()
    assert await here.companies("Rome") == ["of Rome"], "it was not saved"
    await here.command("load", "companies", "berlin")
    await here.reload()
    assert await here.companies("Oslo", "Berlin") == ["of Berlin", "of Rome"]
    await here.command("clear", "companies", "--side", "push")
    await here.reload()
    assert await here.companies("Paris") == ["of Berlin", "of Oslo", "of Paris", "of Rome"]


@pytest.mark.requirement("S1-54", "S1-55")
async def test_rules_leave_rows_and_records_out_in_either_direction(
    make_road: MakeRoad, tmp_path: Path
) -> None:
    here = await running(make_road, tmp_path)
    road = here.road
    rules = ("--rule", "city ends_with .de", "--rule", "city not_equals b.de")
    await here.command("set", "companies", "--side", "push", *rules)
    await here.reload()
    assert await here.companies("a.de", "b.de", "a.com") == ["of a.de"]
    shift(road, LATER)
    theirs = ("--rule", "Phone starts_with +49", "--rule", "BillingCity equals Bonn")
    await here.command("set", "companies", "--side", "pull", *theirs)
    await here.reload()
    for name, phone, city in (
        ("In", "+49 1", "Bonn"),
        ("Elsewhere", "+49 2", "Kiel"),
        ("Abroad", "+31", "Bonn"),
    ):
        road.org.create("Account", {"Name": name, "Phone": phone, "BillingCity": city})
    await road.settle()
    assert await rows(road) == ["In", "of a.com", "of a.de", "of b.de"]
