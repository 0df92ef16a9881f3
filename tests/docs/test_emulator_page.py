"""The emulator's page and its conformance suite say the same: each point has a row, each row its tests, each test a row."""

import ast
import json
import re
from pathlib import Path

import pytest

from adapters.emulator import Emulator, EmulatorOptions
from adapters.emulator.switches import Switches
from tests.support.plain_client import PlainClient

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "emulator.md"
SUITE = ROOT / "tests" / "conformance"
POINTS = range(1, 48)
FILES = {
    "test_cometd.py": range(1, 18),
    "test_events.py": range(18, 34),
    "test_rest.py": range(34, 48),
}
NUMBERED = re.compile(r"test_(\d\d)[a-z]?_[a-z0-9_]+")


def names_in(file: str) -> list[str]:
    """The names of the tests of a file, in their order."""
    tree = ast.parse((SUITE / file).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node.name for node in functions if node.name.startswith("test_")]


def rows() -> dict[int, tuple[str, list[str]]]:
    """What the page says of each point: what the org does, and the names of the tests."""
    found: dict[int, tuple[str, list[str]]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0].isdigit():
            assert int(cells[0]) not in found, f"point {cells[0]} has two rows"
            found[int(cells[0])] = (cells[1], re.findall(r"`(test_\w+)`", cells[2]))
    return found


@pytest.mark.parametrize("file", list(FILES))
def test_every_point_of_a_file_has_tests_named_after_it(file: str) -> None:
    matches = {name: NUMBERED.fullmatch(name) for name in names_in(file)}
    unnumbered = [name for name, match in matches.items() if match is None]
    assert not unnumbered, f"{unnumbered} in {file} are about no point"
    numbers = [int(match.group(1)) for match in matches.values() if match is not None]
    assert set(numbers) == set(FILES[file])
    assert numbers == sorted(numbers), f"{file} is not in the order of its points"


def test_the_table_has_a_row_for_every_point() -> None:
    table = rows()
    assert list(table) == list(POINTS)
    for point, (what, tests) in table.items():
        assert what, f"point {point} says nothing"
        assert tests, f"point {point} names no test"


def test_the_table_names_every_test_under_its_point_and_no_other() -> None:
    table = rows()
    assert table
    for point, (_, named) in table.items():
        file = next(name for name, points in FILES.items() if point in points)
        there = [name for name in names_in(file) if int(name[5:7]) == point]
        assert named == there, f"point {point}"


def cells_under(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1]
    table = re.split(r"\n\n(?!\|)", text[text.index("| ") :], maxsplit=1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_page_tells_every_switch_with_its_default() -> None:
    told = {row[0].strip("`"): row[1] for row in cells_under("Switches")}
    defaults = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in Switches().as_dict().items()
    }
    assert told == defaults


async def test_the_page_tells_every_command_of_the_control_api() -> None:
    emulator = Emulator(EmulatorOptions())
    known = await emulator.start()
    try:
        async with PlainClient(known) as client:
            refused = await client.send("GET", "/__control/", auth=f"Bearer {known.control_token}")
    finally:
        await emulator.stop()
    assert refused.status == 404
    there = refused.body["error"].partition("there are: ")[2].split(", ")
    told = [
        command for row in cells_under("Control API") for command in re.findall(r"`([A-Z]+ [^`]+)`", row[0])
    ]
    assert sorted(told) == sorted(there)
