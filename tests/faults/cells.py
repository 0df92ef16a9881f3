"""The cells: 28 places in the daemon's life, and what can happen to it at each."""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from adapters.memory.failpoints import Action, Trap
from daemon.ports.failpoints import Failpoint as At

ALL = "all"
SAMPLE_OF_A_FAMILY = 4
SHORT_HANG, LONG_HANG = 3.0, 30.0
"""Seconds. The long one outlasts the lease, and the server's patience with an idle transaction."""


class Scene(Enum):
    """What is going on as the place is reached."""

    LIVE = "changes on both sides of pairs at rest"
    FIRST_LOAD = "both sides meet for the first time"
    LOST_POSITION = "records changed and went while nobody listened, and the stream has forgotten it"
    INSTALL = "our schema and capture are made"
    BEGIN = "the process begins"
    LOGIN = "changes on both sides, and the session with the org ends"
    END = "changes on both sides, and the process is asked to stop"


@dataclass(frozen=True, slots=True)
class Place:
    """A boundary, as the `nth` time that `point` is reached in a scene, counted after those of `after`."""

    name: str
    scene: Scene
    point: At
    after: tuple[At, ...] = ()
    nth: int = 1


INBOUND = (
    Place("I1 event received", Scene.LIVE, At.EVENT_RECEIVED),
    Place("I2 decoded", Scene.LIVE, At.EVENTS_DECODED),
    Place("I3 transaction begun", Scene.LIVE, At.INBOUND_BEGUN),
    Place("I4 rows written", Scene.LIVE, At.ROWS_WRITTEN, (At.INBOUND_BEGUN,)),
    Place("I5 links written", Scene.LIVE, At.LINKS_WRITTEN, (At.INBOUND_BEGUN,)),
    Place("I6 position written", Scene.LIVE, At.POSITION_WRITTEN),
    Place("I7 commit unheard", Scene.LIVE, At.COMMIT_UNHEARD, (At.POSITION_WRITTEN,)),
    Place("I8 committed", Scene.LIVE, At.INBOUND_DONE),
)
OUTBOUND = (
    Place("O1 changes claimed", Scene.LIVE, At.CHANGES_CLAIMED),
    Place("O2 sent marked", Scene.LIVE, At.WRITES_MARKED),
    Place("O3 request on the wire", Scene.LIVE, At.REQUEST_SENT),
    Place("O4 reply unread", Scene.LIVE, At.REPLY_UNREAD),
    Place("O5 reply parsed", Scene.LIVE, At.REPLY_PARSED),
    Place("O6 outcomes written", Scene.LIVE, At.OUTCOMES_WRITTEN, (At.REPLY_PARSED,)),
    Place("O7 commit unheard", Scene.LIVE, At.COMMIT_UNHEARD, (At.REPLY_PARSED, At.OUTCOMES_WRITTEN)),
    Place("O8 committed", Scene.LIVE, At.OUTBOUND_DONE, (At.REPLY_PARSED,)),
)
RE_SYNC = (
    Place("R1 load begun", Scene.FIRST_LOAD, At.LOAD_BEGUN, nth=2),
    Place("R2 page read", Scene.FIRST_LOAD, At.PAGE_READ),
    Place("R3 half settled", Scene.FIRST_LOAD, At.PAGE_SETTLED),
    Place("R4 page committed", Scene.FIRST_LOAD, At.PAGE_COMMITTED),
    Place("R5 pages done", Scene.LOST_POSITION, At.PAGES_DONE),
    Place("R6 missing found", Scene.LOST_POSITION, At.MISSING_FOUND),
    Place("R7 missing stored", Scene.LOST_POSITION, At.MISSING_STORED),
    Place("R8 load done", Scene.LOST_POSITION, At.LOAD_DONE),
)
SET_UP = (
    Place("S1 between two statements", Scene.INSTALL, At.BETWEEN_STATEMENTS, nth=2),
    Place("S2 lease taken", Scene.BEGIN, At.LEASE_TAKEN),
    Place("S3 logged in", Scene.LOGIN, At.LOGGED_IN, nth=2),
    Place("S4 stopping", Scene.END, At.STOPPING),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that happens at one place, with the seed of the traffic around it."""

    place: Place
    action: Action
    seed: int
    hang: float

    @property
    def trap(self) -> Trap:
        return Trap(self.place.point, self.action, self.place.after, self.place.nth, self.hang)

    def __str__(self) -> str:
        return f"{self.place.name}, {self.action.value}, seed {self.seed}"


def chosen(family: Sequence[Place], seed: int) -> list[Cell]:
    """The cells of a family that this run plays: a sample drawn with `seed`, or all of them if the environment says so."""
    wanted = os.environ.get("ISTHMUS_CELLS", "")
    seeds = int(os.environ.get("ISTHMUS_CELL_SEEDS", "1"))
    if wanted == ALL:
        return [
            Cell(place, action, seed + number, LONG_HANG)
            for place in family
            for action in Action
            for number in range(seeds)
        ]
    cells = [Cell(place, action, seed, SHORT_HANG) for place in family for action in Action]
    if wanted:
        return [cell for cell in cells if str(cell).startswith(wanted)]
    return random.Random(seed).sample(cells, SAMPLE_OF_A_FAMILY)
