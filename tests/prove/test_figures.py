"""Each figure at a small size: what `./run prove` measures works, and its bar can be kept; and some can be missed."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.prove.figure import Figure, Seen, Stage, Weight
from tests.prove.lost_replies import creating
from tests.prove.one import measured
from tests.prove.register import FIGURES
from tests.prove.schedule import ROOT, Measured, Run
from tests.prove.table import ProgressLine, document
from tests.simulation.defects import DEFECTS
from tests.support.databases import Databases

LONG = frozenset({"R2", "R3", "R4", "R7", "R8", "R9", "R10", "R11", "R12", "R13", "R15", "R17", "R22"})
"""Those whose small size is no small one, or whose scene is a test of its own elsewhere."""


def small(folder: Path, databases: Callable[[], Databases]) -> Stage:
    """A stage for the small size."""
    return Stage(False, 7, folder, databases, lambda _done, _of: None)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "figure", [item for item in FIGURES if item.id not in LONG], ids=lambda item: item.id
)
async def test_a_figure_keeps_its_bar(figure: Figure, tmp_path: Path, databases: Databases) -> None:
    seen = await figure.measure(small(tmp_path, lambda: databases))
    assert seen.kept, (seen.figure, *seen.notes)
    assert re.search(r"\d", seen.figure)


def test_duplicates_after_a_lost_reply_would_be_seen() -> None:
    with DEFECTS["inserts plainly"].planted():
        histories = [creating(seed) for seed in range(3)]
    for history in histories:
        assert history.org.sync_creates > history.inserts
        assert any(violation.oracle == "links" for violation in history.broken)


def test_every_figure_is_named_once_and_explained() -> None:
    ids = [figure.id for figure in FIGURES]
    assert len(set(ids)) == len(ids)
    assert set(ids) == {*(f"R{number}" for number in range(1, 18)), "R21", "R22"}
    page = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
    assert [name for name in ids if f"| {name} |" not in page] == []


def test_all_of_it_fits_an_hour_of_two_cores() -> None:
    alone = sum(figure.seconds for figure in FIGURES if figure.weight is Weight.ALONE)
    beside = sum(
        figure.seconds * figure.weight.value for figure in FIGURES if figure.weight is not Weight.ALONE
    )
    assert alone + beside / 2 < 50 * 60


async def test_a_measurement_that_raises_is_a_bar_that_was_missed(tmp_path: Path) -> None:
    async def fails(_: Stage) -> Seen:
        raise AssertionError("nothing came")

    def none() -> Databases:
        raise AssertionError("no server is wanted")

    seen = await measured(Figure("R0", "", "", Weight.CORE, 1, fails), small(tmp_path, none))
    assert (seen.kept, seen.figure) == (False, "AssertionError: nothing came")
    assert seen.notes


async def test_a_run_measures_in_processes_and_tells_how_far_it_is(tmp_path: Path) -> None:
    async def never(_: Stage) -> Seen:
        raise AssertionError("it is measured in its own process")

    lines: list[str] = []
    unknown = Figure("R0", "what", "bar", Weight.CORE, 1, never)
    run = Run([unknown], tmp_path, 7, lambda run: lines.append(ProgressLine.line(run)))
    [line] = await run.play()
    assert isinstance(line, Measured)
    assert not line.seen.kept  # there is no such figure, so its process tells nothing
    assert "now R0" in lines[0]
    assert "1 of 1 · missed R0" in lines[-1]
    assert '"passed": false' in document([line], 7, 1.0)
    assert "StopIteration" in (tmp_path / "R0" / "log").read_text("utf-8")


def test_the_processes_of_a_run_get_no_developers_settings() -> None:
    assert not [name for name in os.environ if name.startswith("PG")], sys.argv
