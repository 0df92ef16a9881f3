"""The benchmark of the emulator runs, and measures what it says; how fast is not a matter of tests."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import orjson

_ROOT = Path(__file__).resolve().parents[3]
_SMALL = ("--rounds", "3", "--seeded", "2500", "--records", "400", "--flood", "600", "--json")


async def test_the_benchmark_gives_every_figure_with_its_limit() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.emulator", *_SMALL, cwd=_ROOT, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(100):
        printed, _ = await process.communicate()
    assert process.returncode == 0
    figures = {figure["name"]: figure for figure in orjson.loads(printed)}
    compared = {name: figure for name, figure in figures.items() if figure["limit"] is not None}
    assert set(compared) == {
        "Collections, create",
        "Collections, update",
        "Collections, upsert",
        "events out, replayed",
        "events out, live",
        "Bulk query",
        "Bulk ingest, insert",
        "single row, read",
        "single row, update",
        "SOQL, 2,000 rows a page",
    }
    assert all(figure["value"] > 0 and 0 < figure["ratio"] < 2 for figure in compared.values())
    assert {"start, empty", "seed 2,500 contacts"} < set(figures)
