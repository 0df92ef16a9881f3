"""The benchmark of loads runs, and measures what it says; how fast is not a matter of tests."""

import asyncio
import sys
from pathlib import Path

import orjson

_ROOT = Path(__file__).resolve().parents[2]


async def test_the_benchmark_gives_the_limit_and_both_loads() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load", "--rounds", "1", "--records", "2500", "--json"),
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(100):
        printed, _ = await process.communicate()
    assert process.returncode == 0
    [figures] = orjson.loads(printed[printed.index(b"[\n") :])
    assert figures.keys() == {"limit", "first", "first_processor", "again", "again_processor"}
    assert all(value > 0 for value in figures.values())
