"""Which told values were replaced by a write of ours, and which are known for another reason."""

from datetime import UTC, datetime

from daemon.domain.change import Source
from daemon.domain.link import Link, Window
from daemon.flow.observation import Observation
from daemon.flow.unseen import answered, unseen
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


def told_in_turn(*events: tuple[int, dict[str, str]], window: Window = REPLACED) -> list[object]:
    """The same of several events, where the record holds what our write gave it, or automation made."""
    link = Link(
        1, "companies", "Account", "001", "app.company", "1", base={"Phone": "automatic"}, windows=(window,)
    )
    seen = Observation(
        COMPANIES,
        "001",
        Source.STREAM,
        second(25),
        read={"Phone": "automatic"},
        told=tuple((second(at), values) for at, values in events),
    )
    return [entry.salesforce for entry in unseen(seen, link)]


def test_what_somebody_else_replaced_before_our_write_is_not_given_back() -> None:
    """An event that is heard again would else undo what came after it."""
    assert told_in_turn((21, {"Phone": "older"}), (21, {"Phone": "before"}), (22, {"Phone": "ours"})) == []
    assert told_in_turn((21, {"Phone": "older"}), (21, {"Phone": "newer"}), (22, {"Phone": "ours"})) == [
        "newer"
    ]


def test_what_is_told_twice_is_not_taken_for_its_own_successor() -> None:
    assert told_in_turn((21, {"Phone": "theirs"}), (21, {"Phone": "theirs"})) == ["theirs"]
    twice = ((21, {"Phone": "older"}), (22, {"Phone": "newer"})) * 2
    assert told_in_turn(*twice) == ["newer"]


def test_our_write_is_known_by_its_other_values_where_automation_changed_one() -> None:
    window = Window(second(20), second(25), {"Phone": "before", "Name": "a"}, {"Phone": "ours", "Name": "b"})
    ours = {"Phone": "automatic", "Name": "b"}
    assert told_in_turn((21, {"Phone": "theirs"}), (22, ours), window=window) == ["theirs"]


def test_what_a_reading_has_answered_is_not_told_again_and_hides_no_other() -> None:
    events = (
        (second(21), {"Phone": "theirs"}),
        (second(21), {"Phone": "theirs"}),
        (second(22), {"Phone": "ours", "Website": "not written"}),
        (second(22), {"Phone": "before"}),
        (second(30), {"Phone": "afterwards"}),
    )
    read = {"Phone": "ours", "Website": "not written"}
    seen = Observation(COMPANIES, "001", Source.STREAM, second(25), read=read, told=events)
    kept = answered(seen, (REPLACED,))
    assert kept == (Window(second(21), second(25), {}, {"Phone": "theirs"}),)
    assert answered(seen, (REPLACED, *kept)) == ()
    assert told("theirs", REPLACED, *kept) == []
    assert told("another", REPLACED, *kept) == ["another"]
    of_another_second = Window(second(20), second(25), {}, {"Phone": "theirs"})
    assert told("theirs", REPLACED, of_another_second) == ["theirs"]


def test_a_value_upon_whose_replacement_somebody_came_is_not_given_back() -> None:
    later = ((21, {"Phone": "theirs"}), (22, {"Phone": "ours"}), (23, {"Phone": "automatic"}))
    assert told_in_turn(*later) == []
    assert told_in_turn(*later[:2]) == ["theirs"]
