"""The whole test suite, as CI runs it: `python -m tests.support.suite [PYTEST ARGUMENTS]`.

Without arguments, first a gate: the tests of the pure core alone must reach every branch of it,
with examples chosen the same way each time so that the figure does not waver.
Then everything but the unit tests, which have just been run, on two workers; a file's tests stay on one worker, for they share a server.
With arguments, pytest gets them and nothing else is run. `tests.prove` runs chosen tests deeper, with far more examples and
seeded histories.
"""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ("daemon.domain", "daemon.reconcile")
CORE_TESTS = ("tests/unit", "tests/property")
REST = ("-n", "2", "--dist", "loadfile", "--ignore=tests/unit")
DEEP_SEEDS = "500000"
_GATE_SEEDS = "500"  # of the seeded histories: enough to reach every branch, few enough to measure


def run_pytest(arguments: Sequence[str], **environment: str) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    sys.stdout.flush()
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode


def gate() -> int:
    """The core's own tests must take every branch of the core."""
    with tempfile.TemporaryDirectory() as folder:
        return run_pytest(
            [
                *CORE_TESTS,
                *(
                    "-n",
                    "2",
                    "--dist",
                    "loadfile",
                    "--randomly-dont-reset-seed",
                    "--hypothesis-profile=gate",
                    "-q",
                ),
                *(f"--cov={package}" for package in CORE),
                *("--cov-branch", "--cov-fail-under=100", "--cov-report=term-missing:skip-covered"),
            ],
            COVERAGE_FILE=str(Path(folder) / "coverage"),
            ISTHMUS_SEEDS=_GATE_SEEDS,
        )


def everything(chosen: Sequence[str], *, deep: bool) -> int:
    """The suite, or what `chosen` names of it, with a printed seed that repeats the run."""
    seed = secrets.randbelow(2**32)
    profile = "deep" if deep else "ci"
    again = f"--randomly-seed={seed} --hypothesis-seed={seed} --hypothesis-profile={profile}"
    environment = {}
    if deep:
        seeds = os.environ.get("ISTHMUS_SEEDS", DEEP_SEEDS)
        environment = {"ISTHMUS_SEEDS": seeds, "ISTHMUS_CELLS": os.environ.get("ISTHMUS_CELLS", "all")}
    print(f"suite: to draw the same again, give pytest {again}")
    return run_pytest([*again.split(), *chosen], **environment)


def main(arguments: Sequence[str]) -> int:
    if not arguments:
        print(f"suite: every branch of {' and '.join(CORE)}, by {' and '.join(CORE_TESTS)} alone")
        if status := gate():
            return status
    return everything(arguments or REST, deep=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
