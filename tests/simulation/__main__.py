"""Replays one history: `python -m tests.simulation SEED [DEFECT]` prints its trace and what it broke."""

import sys
from contextlib import nullcontext

from tests.simulation.defects import DEFECTS
from tests.simulation.history import play


def main(seed: str, *defect: str) -> int:
    with DEFECTS[defect[0]].planted() if defect else nullcontext():
        history = play(int(seed))
    for line in history.trace:
        print(*line)
    print(*(stored.line for stored in history.database.ledger.values()), sep="\n")
    print(*history.database.links.values(), *history.broken, sep="\n")
    return bool(history.broken)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
