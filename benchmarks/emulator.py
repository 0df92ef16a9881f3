"""How fast the org emulator is: `./run exec python -m benchmarks.emulator`.

Every figure stands next to its limit: what a server of the same library on the same core does with the same number of requests and bodies of the same
sizes when it does no work at all. Both are measured in turns, and the medians of the rounds are shown.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count

import orjson

from benchmarks.processes import RunningOrg, bare_server, emulator, leave_the_servers_core
from benchmarks.wire import Wire, replay
from benchmarks.workloads import WORKLOADS, Amount, Plan, Workload, contact_ids, flood

_ACCOUNTS = 1000
_FLOOD_STEPS = 3
_SETTINGS: dict[str, object] = {
    "fields": {"Contact": {"Ext_Id__c": {"type": "text", "length": 80, "external_id": True, "unique": True}}},
    "switches": {"daily_api_limit": 1_000_000_000},
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number; `limit` and `ratio` (the figure's part of the limit) where there is something to compare with."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: rounds, records in the org, records that a workload moves, events of the flood."""

    rounds: int
    seeded: int
    moved: int
    flood: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.emulator", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each measurement (3)")
    parser.add_argument("--seeded", type=int, default=100_000, help="contacts in the org (100000)")
    parser.add_argument("--records", type=int, default=20_000, help="records a measurement moves (20000)")
    parser.add_argument(
        "--flood", type=int, default=300_000, help="events of the flood; 0 leaves it out (300000)"
    )
    parser.add_argument("--only", default="", help="measure only what has this text in its name")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    scale = Scale(given.rounds, given.seeded, given.records, given.flood)
    figures = measure(scale, [work for work in WORKLOADS if given.only in work.name])
    if given.json:
        print(orjson.dumps([asdict(figure) for figure in figures], option=orjson.OPT_INDENT_2).decode())
    else:
        print_table(figures)
    return 0


def measure(scale: Scale, workloads: Sequence[Workload]) -> list[Figure]:
    """All figures: start and seeding first, then the workloads, then the flood."""
    leave_the_servers_core()
    empty = _median(lambda: _start_seconds(_SETTINGS), scale.rounds)
    seed = _SETTINGS | {"generate": {"Account": _ACCOUNTS, "Contact": scale.seeded}}
    seeded = _median(lambda: _start_seconds(seed), scale.rounds)
    figures = [
        Figure("start, empty", empty, "s"),
        Figure(f"seed {scale.seeded:,} contacts", seeded - empty, "s"),
    ]
    with emulator(seed) as org, bare_server() as limit:
        figures += _memory(f"peak memory, {scale.seeded:,} contacts", org)
        figures += _workloads(org, limit, scale, workloads)
        if scale.flood:
            _flood(org, scale)
            figures += _memory(f"peak memory, after {scale.flood:,} more events", org)
    return figures


def print_table(figures: Sequence[Figure]) -> None:
    """One line for each figure."""
    width = max(len(figure.name) for figure in figures)
    print(f"{'':{width}}  {'figure':>12}  {'limit':>12}  ratio")
    for figure in figures:
        compared = "" if figure.limit is None else f"{figure.limit:>12,.0f}  {figure.ratio:5.0%}"
        value = f"{figure.value:,.2f}" if figure.value < 100 else f"{figure.value:,.0f}"
        print(f"{figure.name:{width}}  {value:>12}  {compared:19}  {figure.unit}")


def _workloads(org: RunningOrg, limit: int, scale: Scale, workloads: Sequence[Workload]) -> Iterator[Figure]:
    with _wire(org, 1) as wire:
        contacts = contact_ids(wire, min(scale.moved, scale.seeded))
    rates: dict[str, list[float]] = {work.name: [] for work in workloads}
    limits: dict[str, list[float]] = {work.name: [] for work in workloads}
    marks = count(1)
    for turn in range(1, scale.rounds + 1):
        for work in workloads:
            print(f"round {turn}: {work.name}", file=sys.stderr)
            plan = Plan(scale.moved, contacts, next(marks))
            with _wire(org, work.width) as wire:
                amount: Amount = work.run(wire, plan)
                bare = replay(limit, wire.exchanges, work.width, time.perf_counter)
            rates[work.name].append(amount.count / amount.seconds)
            limits[work.name].append(amount.count / bare)
    for work in workloads:
        rate, most = statistics.median(rates[work.name]), statistics.median(limits[work.name])
        yield Figure(work.name, rate, work.unit, most, rate / most)


def _flood(org: RunningOrg, scale: Scale) -> None:
    print("flood", file=sys.stderr)
    with _wire(org, 4) as wire:
        contacts = contact_ids(wire, min(scale.flood, scale.seeded))
        for step in range(_FLOOD_STEPS):
            flood(wire, Plan(scale.flood // _FLOOD_STEPS, contacts, -1 - step))


def _memory(name: str, org: RunningOrg) -> list[Figure]:
    peak = org.server.peak_megabytes()
    return [] if peak is None else [Figure(name, peak, "MB")]


def _start_seconds(seed: dict[str, object]) -> float:
    with emulator(seed) as org:
        return org.server.ready_seconds


def _median(take: Callable[[], float], rounds: int) -> float:
    return statistics.median(take() for _ in range(rounds))


@contextmanager
def _wire(org: RunningOrg, width: int) -> Iterator[Wire]:
    wire = Wire(org.port, org.token, width)
    try:
        yield wire
    finally:
        wire.close()


if __name__ == "__main__":
    sys.exit(main())
