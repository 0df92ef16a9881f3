"""The how-to pages do what they say: their shell blocks run in order in one shell, and their Python blocks are tests that pass."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.world_program import environment

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
REFUSALS = {"test-your-integration": ["UNABLE_TO_LOCK_ROW"]}
"""For each page: the refusals that it means to show."""
_SECONDS = 90


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run(*command: str, folder: Path) -> str:
    inside = environment()
    inside["PATH"] = f"{Path(sys.executable).parent}:{inside['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env=inside, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_the_blocks_of_a_page_run_one_after_the_other(page: Path, tmp_path: Path) -> None:
    (tmp_path / "page.sh").write_text("\n".join(["set -eum", *blocks(page, "sh")]), encoding="utf-8")
    said = run("bash", "page.sh", folder=tmp_path)
    assert re.findall(r'"(?:errorCode|error)": ?"([^"]*)"', said) == REFUSALS.get(page.stem, [])
    for number, block in enumerate(blocks(page, "python")):
        (tmp_path / f"test_{number}.py").write_text(block, encoding="utf-8")
        passed = run(
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"test_{number}.py",
            folder=tmp_path,
        )
        assert " passed" in passed
