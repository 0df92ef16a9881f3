"""What counts as told already."""

from datetime import UTC, datetime

import pytest

from daemon.flow.hearing import Heard


def second(number: int) -> datetime:
    return datetime(2026, 1, 1, 12, 0, number, tzinfo=UTC)


def test_what_is_told_again_takes_nothing_back() -> None:
    heard = Heard()
    heard.begin(second(24))
    heard.up_to("Account", second(11))
    assert heard.newest("Account") == second(24)
    heard.up_to("Account", second(30))
    assert (heard.newest("Account"), heard.newest("Contact")) == (second(30), second(24))


@pytest.mark.parametrize(("at", "again"), [(9, True), (10, True), (11, True), (12, False), (13, False)])
def test_the_second_after_which_the_stream_was_taken_up_may_come_again(at: int, again: bool) -> None:
    heard = Heard()
    heard.begin(second(10))
    heard.up_to("Account", second(12))
    assert heard.passed("Account", second(at)) is again


def test_nothing_has_passed_before_anything_was_heard() -> None:
    assert not Heard().passed("Account", second(1))
