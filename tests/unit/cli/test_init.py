"""`init`, and the commands that edit steps while the built-in profile is in force."""

import json
from pathlib import Path

import pytest

from daemon.settings.load import load
from daemon.settings.profile import table_statements
from tests.unit.cli.conftest import Run
from tests.unit.cli.test_sides import OpenSides, sides

__all__ = ["sides"]


@pytest.fixture
def begun(isthmus: Run, tmp_path: Path) -> Path:
    done = isthmus("init", "--profile", "default")
    assert done.status == 0, done.err
    return tmp_path / "isthmus.yaml"


@pytest.mark.requirement("S1-06")
def test_a_beginning_is_written_once_and_shows_its_profile(isthmus: Run, begun: Path) -> None:
    shown = json.loads(isthmus("config", "show", "--json").out)
    assert shown["profile"] == "default"
    assert [step["name"] for step in shown["steps"]][:2] == ["contacts", "leads"]
    text = begun.read_text("utf-8")
    again = isthmus("init", "--profile", "default", "-o", str(begun))
    assert again.status == 0, "a configuration that is there is left alone"
    assert begun.read_text("utf-8") == text


@pytest.mark.requirement("S1-15")
def test_one_file_more_makes_the_steps_ones_own(isthmus: Run, begun: Path, tmp_path: Path) -> None:
    own = tmp_path / "steps.yaml"
    done = isthmus("init", "--from-default", "-o", str(own))
    assert done.status == 0, done.err
    assert load([begun, own], {}).profile == "custom"
    assert load([begun, own], {}).steps == load([begun], {}).steps
    edited = isthmus("step", "set", "emails", "enabled=false", "-c", str(begun), "-c", str(own))
    assert edited.status == 0, edited.err
    assert not {step.name: step for step in load([begun, own], {}).steps}["emails"].enabled
    again = isthmus("init", "--from-default", "-o", str(own))
    assert again.status == 5
    assert "it is there already" in again.err


@pytest.mark.requirement("S1-14")
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["set", "leads", "enabled=false"], marks=pytest.mark.requirement("S1-08")),
        pytest.param(["clone", "leads", "again"], marks=pytest.mark.requirement("S1-09")),
        pytest.param(["remove", "leads", "--yes"], marks=pytest.mark.requirement("S1-10")),
        pytest.param(["set", "leads", "--field", "Phone=phone"], marks=pytest.mark.requirement("S1-11")),
        pytest.param(["set", "leads", "direction=pull"], marks=pytest.mark.requirement("S1-13")),
    ],
)
def test_no_command_edits_a_step_of_the_profile(isthmus: Run, begun: Path, command: list[str]) -> None:
    before = begun.read_text("utf-8")
    done = isthmus("step", *command)
    assert done.status == 5
    assert "the default profile is fixed" in done.err
    assert "profile: custom" in done.err
    assert begun.read_text("utf-8") == before


def test_tables_are_printed_for_who_owns_them_or_made(isthmus: Run, sides: OpenSides, begun: Path) -> None:
    printed = isthmus("init", "--profile", "default", "--print-tables")
    assert printed.out.count("CREATE TABLE IF NOT EXISTS") == 6
    assert sides.database.done == []
    made = isthmus("init", "--profile", "default", "--create-tables")
    assert made.status == 0, made.err
    [done] = sides.database.done
    assert done == f"{len(table_statements())} statements"


@pytest.mark.parametrize("words", [[], ["--profile", "mine"], ["--profile", "default", "--from-default"]])
def test_a_beginning_that_is_none_is_a_slip(isthmus: Run, words: list[str]) -> None:
    done = isthmus("init", *words)
    assert done.status == 2
    assert "isthmus init --from-default" in done.err
