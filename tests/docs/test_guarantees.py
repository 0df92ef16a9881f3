"""The page of guarantees names tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
QUOTED = sorted(set(re.findall(r"`([^`]+)`", PAGE)))
PATHS = sorted({word for text in QUOTED for word in text.split() if word.startswith("tests/")})
TESTS = sorted({name for text in QUOTED for name in re.findall(r"(?:^|::)(test_\w+\*?)$", text)})
FILES = sorted({name for text in QUOTED for name in re.findall(r"(test_\w+\.py)", text)})
SOURCES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}


@pytest.mark.parametrize("path", PATHS)
def test_a_path_leads_somewhere(path: str) -> None:
    assert list(ROOT.glob(path.partition("::")[0]))


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_there(name: str) -> None:
    assert any(path.name == name for path in SOURCES)


@pytest.mark.parametrize("name", TESTS)
def test_a_test_is_there(name: str) -> None:
    pattern = r"def " + name.replace("*", r"\w*") + r"\("
    assert any(re.search(pattern, source) for source in SOURCES.values())


def test_every_promise_and_every_fault_has_a_line() -> None:
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]
    assert [line.split()[1] for line in lines if re.match(r"\| P\d", line)] == [f"P{n}" for n in range(1, 17)]
    assert [line.split()[1] for line in lines if re.match(r"\| F\d", line)] == [f"F{n}" for n in range(1, 49)]
