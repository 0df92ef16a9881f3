"""One scenario of one client: a process that is told where the org is, does its work, and says what it checked.

A program of a judge takes the scenario's name as its last argument and the org's announcement as JSON on standard input. When all went well its last line on
standard output is `{"scenario": NAME, "checks": COUNT}`; anything else fails the test, with what the program wrote.
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.world_program import environment

ROOT = Path(__file__).resolve().parents[2]
JSFORCE = Path(__file__).with_name("jsforce")
PROGRAMS = Path(__file__).with_name("programs")
_SECONDS = 60.0
_MOST_CHARACTERS = 6_000
_HEADS = {
    ".mjs": re.compile(r"^export async function (\w+)\(", re.MULTILINE),
    ".py": re.compile(r"^(?:async )?def ([a-z]\w*)\(org: Org\)", re.MULTILINE),
}


def scenarios(source: Path) -> list[str]:
    """The names of a module's scenarios, in their order: its exported functions, or those that take an org."""
    names = _HEADS[source.suffix].findall(source.read_text("utf-8"))
    assert names, f"{source} holds no scenario"
    return list(names)


def play(command: Sequence[str], scenario: str, facts: Mapping[str, str], folder: Path = ROOT) -> None:
    """Run one scenario to its end. Fails with everything that the client said."""
    try:
        done = subprocess.run(
            [*command, scenario],
            cwd=folder,
            env=environment(),
            input=json.dumps(dict(facts)),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        pytest.fail(
            f"{scenario} did not end within {_SECONDS:g} s\n{_shown(late.stdout)}\n{_shown(late.stderr)}"
        )
    said = f"{_shown(done.stdout)}\n{_shown(done.stderr)}".strip()
    if done.returncode != 0:
        pytest.fail(f"{scenario} ended with {done.returncode}\n{said}", pytrace=False)
    last = (done.stdout.splitlines() or [""])[-1]
    verdict = json.loads(last) if last.startswith("{") else {}
    assert verdict.get("scenario") == scenario, said
    assert verdict["checks"] > 0, f"{scenario} checked nothing"


def _shown(text: str | bytes | None) -> str:
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text or ""
    return plain[-_MOST_CHARACTERS:]
