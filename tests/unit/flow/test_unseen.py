"""Which told values were replaced by a write of ours, and which are known for another reason."""

from datetime import UTC, datetime

from daemon.domain.change import Source
from daemon.domain.link import Link, Window
from daemon.flow.observation import Observation
from daemon.flow.unseen import unseen
from tests.support.road_steps import COMPANIES


def second(number: int) -> datetime:
    return datetime(2026, 1, 1, 12, 0, number, tzinfo=UTC)


REPLACED = Window(second(20), second(25), {"Phone": "before"}, {"Phone": "ours"})
GIVEN_BACK = Window(second(24), second(25), {"Phone": "ours"}, {"Phone": "theirs"})


def told(value: str, *windows: Window) -> list[object]:
    """The values that the ledger gets when an event of second 21 tells of this one, and the record holds what automation made."""
    link = Link(
        1, "companies", "Account", "001", "app.company", "1", base={"Phone": "automatic"}, windows=windows
    )
    seen = Observation(
        COMPANIES,
        "001",
        Source.STREAM,
        second(25),
        read={"Phone": "automatic"},
        told=((second(21), {"Phone": value}),),
    )
    return [entry.salesforce for entry in unseen(seen, link)]


def test_a_value_that_a_write_replaced_is_told() -> None:
    assert told("theirs", REPLACED) == ["theirs"]


def test_what_was_known_before_the_write_or_written_by_it_is_not() -> None:
    assert told("before", REPLACED) == []
    assert told("ours", REPLACED) == []


def test_what_was_given_back_once_is_not_told_again_whatever_became_of_it() -> None:
    assert told("theirs", REPLACED, GIVEN_BACK) == []
