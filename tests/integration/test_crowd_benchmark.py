"""The benchmark of small changes beside a large transaction runs, and measures what it says; how long they wait is not a matter of tests."""

import asyncio
import sys
from pathlib import Path

import orjson

_ROOT = Path(__file__).resolve().parents[2]
ROWS = 300


async def test_the_benchmark_times_small_changes_beside_a_crowd() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.crowd", "--rows", str(ROWS), "--seconds", "1", "--json"),
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(100):
        printed, _ = await process.communicate()
    assert process.returncode == 0
    figures = orjson.loads(printed)
    assert figures["rows"] == ROWS
    assert 0 < figures["settled"] <= ROWS
    assert figures["small"] > 1
    assert 0 < figures["p50"] <= figures["p95"]
    assert figures["peak_megabytes"] > 10
