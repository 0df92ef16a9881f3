"""Replays one history: `python -m tests.simulation SEED [renames] [DEFECT]` prints its trace and what it broke."""

import sys
from contextlib import nullcontext

from tests.simulation.defects import DEFECTS
from tests.simulation.history import play


def main(seed: str, *words: str) -> int:
    renames, defect = "renames" in words, [word for word in words if word != "renames"]
    with DEFECTS[defect[0]].planted() if defect else nullcontext():
        history = play(int(seed), renames=renames)
    for line in history.trace:
        print(*line)
    print(*(stored.line for stored in history.database.ledger.values()), sep="\n")
    print(*history.database.links.values(), *history.broken, sep="\n")
    return bool(history.broken)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
