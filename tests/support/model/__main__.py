"""Replays one history: `python -m tests.support.model SEED [DEFECT]` prints its trace and what it broke."""

import sys

from tests.support.model.defects import DEFECTS
from tests.support.model.history import play
from tests.support.model.shell import Shell

if __name__ == "__main__":
    history, broken = play(int(sys.argv[1]), DEFECTS[sys.argv[2]][0] if len(sys.argv) > 2 else Shell)
    print(*history.trace, *history.database.ledger, *history.database.links.values(), *broken, sep="\n")
    sys.exit(bool(broken))
