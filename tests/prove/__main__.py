"""`./run prove`: every figure measured and held against its bar; 1 if one was missed. `./run prove tests/…` plays tests deeper instead."""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.prove.figure import Figure
from tests.prove.register import FIGURES
from tests.prove.schedule import Run
from tests.prove.table import ProgressLine, document, show
from tests.support import suite


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, print it, and say by the status whether every bar was kept."""
    parser = argparse.ArgumentParser(prog="./run prove", description=__doc__)
    parser.add_argument("--only", metavar="IDS", help="these figures, separated by commas: R4,R6")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures here as JSON too")
    parser.add_argument("--seed", type=int, help="draw the same again (it is printed)")
    parser.add_argument(
        "--list", action="store_true", help="name the figures and their bars, and measure none"
    )
    given, tests = parser.parse_known_args(arguments)
    if tests:
        return suite.everything(tests, deep=True)
    figures = _chosen(parser, given.only)
    if given.list:
        print("\n".join(f"{item.id:4} {item.what}: {item.bar}" for item in figures))
        return 0
    return _measure(figures, secrets.randbelow(2**31) if given.seed is None else given.seed, given.json)


def _chosen(parser: argparse.ArgumentParser, only: str | None) -> list[Figure]:
    if only is None:
        return list(FIGURES)
    wanted = [name.strip().upper() for name in only.split(",") if name.strip()]
    unknown = set(wanted) - {figure.id for figure in FIGURES}
    if unknown or not wanted:
        parser.error(f"no figure {', '.join(sorted(unknown))}; there are {', '.join(f.id for f in FIGURES)}")
    return [figure for figure in FIGURES if figure.id in wanted]


def _measure(figures: Sequence[Figure], seed: int, file: Path | None) -> int:
    folder = Path(tempfile.mkdtemp(prefix="isthmus-prove-"))
    print(f"prove: {len(figures)} figures, seed {seed}, logs in {folder}", file=sys.stderr)
    line = ProgressLine()
    run = Run(figures, folder, seed, line)
    lines = asyncio.run(run.play())
    line.end()
    show(lines, seed, folder)
    seconds = time.monotonic() - run.started
    missed = [item.figure.id for item in lines if not item.seen.kept]
    verdict = f"missed: {', '.join(missed)}" if missed else "every bar was kept"
    print(f"{len(lines)} figures in {seconds / 60:.0f} min; {verdict}")
    if file is not None:
        file.write_text(document(lines, seed, seconds) + "\n", "utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
