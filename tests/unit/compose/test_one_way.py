"""Links of a step in and a step out: which names are taken over, and when a pair is loaded anew."""

from collections.abc import Sequence

from structlog.testing import capture_logs

from daemon.compose.one_way import SharedLinks
from daemon.domain.failure import RefusedError
from daemon.domain.mapping import Step, Steps, Table
from daemon.domain.side import Direction

TABLE = Table("app", "people", ("id",), {})
PULL = Step("in", "Contact", TABLE, Direction.PULL, ())
PUSH = Step("out", "Contact", TABLE, Direction.PUSH, ())
PAIR = Step("in", "Contact", TABLE, Direction.TWO_WAY, (), ways=("in", "out"))
OTHER = Step("other", "Lead", TABLE, Direction.PUSH, ())


class Database:
    """What is asked of the database, in order."""

    def __init__(self, *, forbidden: bool = False) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.kept: dict[str, str] = {}
        self.forbidden = forbidden

    async def take_over(self, former: str, step: Step) -> int:
        self.asked.append(("take over", former, step.name))
        return 1

    async def carry_load(self, former: str, step: str) -> None:
        self.asked.append(("carry", former, step))

    async def load_again(self, step: str) -> None:
        self.asked.append(("load", step))

    async def capture_remove(self, steps: Sequence[str]) -> None:
        self.asked.append(("untrigger", *steps))
        if self.forbidden:
            raise RefusedError("no", "another role owns them", "ask")

    async def get(self, name: str) -> str | None:
        return self.kept.get(name)

    async def put(self, name: str, text: str) -> None:
        self.kept[name] = text

    async def begin(self, *steps: Step) -> list[tuple[str, ...]]:
        """A start by these steps; what it asked for."""
        self.asked = []
        await SharedLinks(self, self, self).begin(Steps(steps))
        return self.asked


async def test_steps_that_share_nothing_are_left_alone() -> None:
    database = Database()
    assert await database.begin(PULL, OTHER) == []
    assert database.kept == {}


async def test_a_pair_is_loaded_anew_when_it_comes_together_and_each_time_a_way_is_back() -> None:
    database = Database()
    joined = [("untrigger", "out"), ("take over", "out", "in"), ("load", "in")]
    assert await database.begin(PAIR, OTHER) == joined
    assert await database.begin(PAIR, OTHER) == joined[:2], "and not at each start"
    assert await database.begin(PUSH) == [
        ("carry", "in", "out"),
        ("untrigger", "in"),
        ("take over", "in", "out"),
    ]
    assert await database.begin(PUSH) == [
        ("carry", "in", "out"),
        ("untrigger", "in"),
        ("take over", "in", "out"),
    ]
    assert await database.begin(PAIR) == joined


async def test_a_name_by_which_another_step_works_is_not_taken_over() -> None:
    database = Database()
    await database.begin(PAIR)
    reused = Step("out", "Lead", TABLE, Direction.PUSH, ())
    assert await database.begin(PULL, reused) == []


async def test_a_name_that_is_one_way_of_another_pair_is_not_taken_over() -> None:
    database = Database()
    await database.begin(PAIR)
    another = Step("others", "Lead", TABLE, Direction.TWO_WAY, (), ways=("others", "out"))
    assert ("take over", "out", "in") not in await database.begin(PULL, another)


async def test_a_reload_carries_what_is_loaded_and_gives_over_once_nothing_works_by_the_former_name() -> None:
    database = Database()
    await database.begin(PAIR)
    database.asked = []
    shared = SharedLinks(database, database, database)
    await shared.prepare(Steps((PUSH,)))
    assert database.asked == [("carry", "in", "out")]
    await shared.settle(Steps((PUSH,)))
    assert database.asked[1:] == [("untrigger", "in"), ("take over", "in", "out")]
    database.asked = []
    await shared.prepare(Steps((PAIR,)))
    assert database.asked == [], "a way that comes has its own first load"


async def test_triggers_that_cannot_be_dropped_are_told() -> None:
    database = Database(forbidden=True)
    with capture_logs() as told:
        assert ("take over", "out", "in") in await database.begin(PAIR)
    assert [entry["fix"] for entry in told if entry["event"] == "capture_not_removed"] == [
        "isthmus capture remove --step STEP"
    ]
