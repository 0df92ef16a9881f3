"""The page about errors says what the catalogue says, and its further pages have the places that it names."""

import re
from pathlib import Path

import pytest

from daemon.compose.codes import CATALOGUE
from daemon.operations.explaining import PAGE, Explained, entries
from tests.support.errors_page import page

ROOT = Path(__file__).resolve().parents[2]


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_page_is_what_the_catalogue_makes() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(), "run python -m tests.support.errors_page"


@pytest.mark.parametrize(
    "entry",
    [entry for entry in entries(CATALOGUE) if entry.fault.page],
    ids=lambda entry: str(getattr(entry, "code", "")),
)
def test_what_an_explanation_points_to_is_there(entry: Explained) -> None:
    file, _, anchor = entry.fault.page.partition("#")
    assert (ROOT / file).is_file()
    assert not anchor or anchor in anchors(ROOT / file)
