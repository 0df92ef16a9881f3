"""How a console block is read, and that no page shows a command in a block that nobody runs without saying why."""

import re
from pathlib import Path

import pytest

from tests.support.consoles import Typed, as_on_the_page, typed_on

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "how-to").glob("*.md"))
_RUN = {"sh", "console", "python"}


@pytest.mark.parametrize(
    ("shown", "printed", "agree"),
    [
        ("", "anything", True),
        ("done", "done  \n", True),
        ("done", "undone", False),
        ("job … ended", "job 7 ended", True),
        ("job … ended", "job 7 began", False),
        ("first\n…", "first\nsecond\nthird", True),
        ("first\n…\nlast", "first\nlast", True),
        ("first\n…\nlast", "first\nsecond\nlast", True),
        ("first\nlast", "first\nsecond\nlast", False),
        ("…\nlast", "last", True),
    ],
)
def test_what_varies_is_left_out_of_the_comparison_and_nothing_else(
    shown: str, printed: str, agree: bool
) -> None:
    assert (Typed("isthmus status", shown).difference(printed) is None) is agree


def test_a_block_gives_commands_answers_and_statuses(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ isthmus link list --pg 4711\n$ isthmus step compare people   # status 3\nGo on? [y/N] n\n```\n"
        "```sh\nisthmus status\n```\n",
        "utf-8",
    )
    first, second = typed_on(page, {"4711": "12"})
    assert (first.arguments, first.status, first.answers) == (["link", "list", "--pg", "12"], 0, "y\n")
    assert (second.arguments, second.status, second.answers) == (["step", "compare", "people"], 3, "n\n")
    assert as_on_the_page("row 12", {"4711": "12"}) == "row 4711"


def prompts_of(page: Path) -> list[tuple[str, list[str]]]:
    """The language of each block, and the commands that stand in it with their prompt."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [(language, re.findall(r"^\$ (.*)$", block, re.MULTILINE)) for language, block in found]


def test_blocks_and_their_prompts_are_found_where_there_are_some() -> None:
    languages = {language for page in PAGES for language, prompts in prompts_of(page) if prompts}
    assert {"console", "text"} <= languages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_a_command_with_its_prompt_stands_in_a_block_that_is_run_or_says_why_not(page: Path) -> None:
    for language, prompts in prompts_of(page):
        if language not in _RUN:
            assert all("(" in line for line in prompts), f"{prompts} is not run, and does not say why"
