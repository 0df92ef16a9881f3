"""Tests that bear a name of their own, played by themselves and counted."""

import asyncio
import re
import subprocess
import sys
from xml.etree.ElementTree import parse

from tests.prove.figure import Seen, Stage
from tests.prove.schedule import ROOT

_SECONDS = 600.0
_ANOMALIES = "tests/integration/flow/test_documented_anomalies.py"
_INSTANTS = ("tests/property/test_canonical.py", "tests/unit/domain/test_canonical.py")


async def documented_anomalies(stage: Stage) -> Seen:
    """Every test of the six anomalies that another product's manual describes; each of the six has some."""
    names, failed = await _played(stage, "anomalies", _ANOMALIES)
    counts = {f"HC{number}": sum(f"test_hc{number}_" in name for name in names) for number in range(1, 7)}
    figure = ", ".join(f"{name} {count}" for name, count in counts.items()) + f" tests, {len(failed)} fail"
    return Seen(figure, not failed and all(counts.values()), tuple(failed))


async def instants(stage: Stage) -> Seen:
    """The tables and laws of instants and zones, both edges of summer time among them."""
    names, failed = await _played(stage, "instants", *_INSTANTS)
    return Seen(
        f"{len(names)} tests of values, {len(failed)} fail", not failed and bool(names), tuple(failed)
    )


async def _played(stage: Stage, name: str, *files: str) -> tuple[list[str], list[str]]:
    """The names of the tests that were played, and of those that did not pass."""
    report = stage.folder / f"{name}.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        *files,
        "-q",
        "-n0",
        "-p",
        "no:randomly",
        f"--junitxml={report}",
    ]

    def run() -> None:
        subprocess.run(command, cwd=ROOT, stdout=sys.stderr, timeout=_SECONDS, check=False)

    await asyncio.to_thread(run)
    cases = parse(report).getroot().findall(".//testcase")
    failed = [str(case.get("name")) for case in cases if len(case)]
    return [re.sub(r"\s", " ", str(case.get("name"))) for case in cases], failed
