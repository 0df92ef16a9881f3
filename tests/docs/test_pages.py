"""What the pages say is so: commands exist with their options, examples load, named files and links are there."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from daemon.domain.policy import Behaviour, ConflictRule, ConvertedLead, DeleteConflict, OnDelete, Policy
from daemon.settings.load import load, loads
from tests.support.command_help import help_of, unknown_options

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy" / "examples").rglob("*.md")]
)
IDS = [str(page.relative_to(ROOT)) for page in PAGES]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def commands(page: Path) -> list[list[str]]:
    lines = [line.split("#")[0].strip() for block in blocks(page, "sh") for line in block.splitlines()]
    spoken = re.findall(r"`(isthmus [^`…]+)`", page.read_text(encoding="utf-8"))
    return [shlex.split(line)[1:] for line in [*lines, *spoken] if line.startswith("isthmus ")]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_of_a_page_exists_with_its_options(page: Path) -> None:
    for words in commands(page):
        command: list[str] = []
        for word in words:
            if not re.fullmatch(r"[a-z]+", word) or (
                len(command) == 1 and f" {word} " not in help_of(*command)
            ):
                break
            command.append(word)
        assert unknown_options(command, words) == [], f"isthmus {' '.join(command)}"


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in links(page):
        assert "://" in target or (page.parent / target).exists(), f"{target} is not there"


def files(page: Path) -> list[str]:
    return re.findall(
        r"`((?:daemon|adapters|tests|docs|deploy|grafana|requirements)/[\w./-]+)`",
        page.read_text(encoding="utf-8"),
    )


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    for name in files(page):
        assert (ROOT / name).exists(), f"{name} is not there"


def test_commands_links_and_files_are_found_where_there_are_some() -> None:
    assert commands(ROOT / "docs" / "how-to" / "custom-steps.md")
    assert links(ROOT / "docs" / "README.md")
    assert files(ROOT / "ARCHITECTURE.md")


def test_the_mapping_of_the_readme_loads() -> None:
    (example,) = blocks(ROOT / "README.md", "yaml")
    settings = loads(example, {})
    assert [step.name for step in settings.steps] == ["people"]


def test_the_commands_of_the_checkout_are_those_that_the_readme_names() -> None:
    usage = subprocess.run(
        [ROOT / "run", "--help"], capture_output=True, text=True, timeout=10, check=True
    ).stdout
    for page in ("README.md", "CONTRIBUTING.md"):
        named = re.findall(r"\./run ([a-z]+)", (ROOT / page).read_text(encoding="utf-8"))
        assert named, page
        for name in named:
            assert f"./run {name}" in usage, f"{page} names ./run {name}"


@pytest.mark.requirement("S2-24")
def test_the_table_of_policies_says_of_each_who_wins_and_of_the_default_its_window_and_tie() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    [table] = re.findall(r"^\| policy \| who wins \|\n\| --- \| --- \|\n((?:\|.*\n)+)", page, re.MULTILINE)
    told = dict(line.strip("| ").split(" | ", 1) for line in table.splitlines())
    assert sorted(name for cell in told for name in re.findall(r"`(\w+)`", cell)) == sorted(Policy)
    rule = ConflictRule()
    window, tie = f"{rule.window.total_seconds():g} s", rule.tie.value.capitalize()
    assert told[f"`{rule.policy}`"] == (
        f"the later change by corrected time; within `window` ({window}) the side named by `tie` ({tie})"
    )
    assert f"then from the defaults; `{rule.policy}` where nobody says one |" in page


@pytest.mark.parametrize("choices", [Policy, Behaviour, OnDelete, DeleteConflict, ConvertedLead])
def test_the_configuration_page_explains_every_word(choices: type[Policy]) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for choice in choices:
        assert f"`{choice.value}`" in page, f"{choice.value} is not explained"


def test_the_example_configuration_loads() -> None:
    settings = load([ROOT / "deploy" / "config" / "isthmus.example.yaml"], {})
    assert settings.steps


def test_no_page_speaks_of_how_it_was_made() -> None:
    forbidden = re.compile(r"\b(issue #?\d+|helper session|this session|/work/|\.\./shared)\b", re.IGNORECASE)
    for page in PAGES:
        assert not (found := forbidden.search(page.read_text(encoding="utf-8"))), f"{page.name}: {found}"
