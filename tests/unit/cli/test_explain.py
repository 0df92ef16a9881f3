"""`isthmus explain`, which asks nobody."""

import json
import subprocess
import sys

from tests.unit.cli.conftest import Run
from tests.unit.cli.test_face import HEAVY

LOADED = [name for name in HEAVY if name != "pydantic"]  # typer itself loads pydantic to read an argument


def test_a_code_is_told_without_a_configuration(isthmus: Run) -> None:
    ran = isthmus("explain", "unable_to_lock_row")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("UNABLE_TO_LOCK_ROW   Salesforce, transient\n")
    for label in ("why:", "do:", "then:", "page:"):
        assert f"\n{label}" in ran.out


def test_as_json(isthmus: Run) -> None:
    (item,) = json.loads(isthmus("explain", "23505", "--json").out)["items"]
    assert (item["code"], item["speaker"], item["transient"]) == ("23505", "PostgreSQL", True)
    everything = json.loads(isthmus("explain", "--json").out)["items"]
    assert {"delete_guard", "23505", "invalid_grant", "DUPLICATES_DETECTED"} <= {
        each["code"] for each in everything
    }


def test_alone_it_lists_all(isthmus: Run) -> None:
    lines = isthmus("explain").out.splitlines()
    assert lines[0].split("\t") == ["code", "speaker", "kind", "transient", "meaning"]
    assert any(line.startswith("UNABLE_TO_LOCK_ROW\tSalesforce\ttransient\tyes\t") for line in lines)


def test_an_unknown_code_is_status_4_and_names_the_nearest(isthmus: Run) -> None:
    ran = isthmus("explain", "UNABLE_LOCK_ROW")
    assert (ran.status, ran.out, ran.three) == (4, "", ["isthmus", "why", "do"])
    assert "UNABLE_TO_LOCK_ROW" in ran.err


def test_no_heavy_library_is_loaded() -> None:
    program = (
        "import sys; from daemon.cli.app import main; main(['explain', '23505']);"
        f"sys.stderr.write(','.join(name for name in {LOADED!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == ""
