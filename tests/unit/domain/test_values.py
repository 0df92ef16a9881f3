"""Small values of the domain: ids, keys, sides, steps, failures."""

from datetime import UTC, datetime

import pytest

from daemon.domain.failure import (
    AccessError,
    CallFailedError,
    ConfigurationError,
    Failure,
    FailureKind,
    IsthmusError,
    NotFoundError,
    Reason,
    RefusedError,
    TryLaterError,
    UnreachableError,
    UsageError,
)
from daemon.domain.ids import key_parts, record_id, row_key
from daemon.domain.link import UNKNOWN_OUTCOME, Link
from daemon.domain.mapping import Field, Identify, IdentifyKind, Kind, Step, Steps, Table
from daemon.domain.plan import Hold, LinkAction, LinkChange, Operation, Outcome, Plan, Write
from daemon.domain.side import Direction, Side
from daemon.domain.value import from_json, is_blank, values_from_json
from daemon.domain.view import MISSING, Presence, View

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("short", "suffix"),
    [
        ("0015f00002JUZPD", "AA5"),
        ("0055f000005mc66", "AAA"),
        ("001ZM000001n4n5", "YAA"),
        ("00Q5f000005bwLF", "EAY"),
        ("50025000009vJE9", "AAM"),
        ("000000000000000", "AAA"),
    ],
)
def test_a_record_id_gets_its_check_characters(short: str, suffix: str) -> None:
    assert record_id(short) == short + suffix
    assert record_id(short + suffix.lower()) == short + suffix


@pytest.mark.parametrize(
    "text", ["", "short", "0015f00002JUZPDAAA", "0015f00002JUZP!", "0015f00002JUZPé", "0015f00002JUZPDAA"]
)
def test_what_is_no_record_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        record_id(text)


def test_row_keys_of_one_and_of_several_columns() -> None:
    assert row_key(("7",)) == "7"
    assert key_parts("7", 1) == ("7",)
    assert key_parts(row_key(("7", "é")), 2) == ("7", "é")
    for wrong in ('["1"]', '"1"'):
        with pytest.raises(ValueError):
            key_parts(wrong, 2)


def test_sides_and_directions() -> None:
    assert Side.SALESFORCE.other is Side.POSTGRES
    assert Side.POSTGRES.other is Side.SALESFORCE
    assert (Direction.PULL.pulls, Direction.PULL.pushes) == (True, False)
    assert (Direction.PUSH.pulls, Direction.PUSH.pushes) == (False, True)
    assert Direction.TWO_WAY.narrowed(Direction.TWO_WAY) is Direction.TWO_WAY
    assert Direction.TWO_WAY.narrowed(Direction.PULL) is Direction.PULL
    assert Direction.PUSH.narrowed(Direction.TWO_WAY) is Direction.PUSH
    assert Direction.PUSH.narrowed(Direction.PULL) is None


@pytest.mark.parametrize(
    ("value", "blank"), [(None, True), ("", True), ((), True), (False, False), ("x", False)]
)
def test_blank(value: str | bool | tuple[str, ...] | None, blank: bool) -> None:
    assert is_blank(value) is blank


def test_stored_values_come_back() -> None:
    assert values_from_json({"a": ["x", "y"], "b": None, "c": True, "d": "t"}) == {
        "a": ("x", "y"), "b": None, "c": True, "d": "t",
    }  # fmt: skip
    assert from_json(7) == "7"


def test_a_link_is_in_doubt_while_its_outcome_is_unknown() -> None:
    assert Link(1, "s", "Contact", "x", "t", "1", own=UNKNOWN_OUTCOME).in_doubt
    assert not Link(1, "s", "Contact", "x", "t", "1", own=NOON).in_doubt


def test_a_view_knows_when() -> None:
    view = View(Presence.PRESENT, changed={"a": NOON})
    assert view.when("a") == NOON
    assert view.when("b") is None
    assert MISSING.presence is Presence.MISSING


def test_an_outcome_in_one_word() -> None:
    holds = {o: Hold(o, "code", "why") for o in Outcome}
    assert Plan().outcome is Outcome.UNCHANGED
    assert Plan(salesforce=Write(Operation.UPDATE)).outcome is Outcome.APPLY
    assert Plan(link=LinkChange(LinkAction.MOVE)).outcome is Outcome.APPLY
    assert Plan(held={Side.SALESFORCE: holds[Outcome.SKIP]}).outcome is Outcome.SKIP
    both = {Side.SALESFORCE: holds[Outcome.WAIT], Side.POSTGRES: holds[Outcome.PARK]}
    assert Plan(held=both).outcome is Outcome.PARK


def test_errors_have_three_lines_and_a_status_of_their_own() -> None:
    kinds = [
        IsthmusError, UsageError, NotFoundError, RefusedError, UnreachableError, TryLaterError, AccessError,
        ConfigurationError,
    ]  # fmt: skip
    assert kinds[0]("what", "why", "fix").lines() == ("what", "why", "fix")
    assert len({kind.exit_status for kind in kinds}) == len(kinds)
    failure = Failure(FailureKind.LIMITED, Reason.LIMIT, "CODE", "said", "do")
    assert str(CallFailedError(failure)) == "CODE: said"


def test_a_step_knows_its_fields() -> None:
    fields = (
        Field("Name", "name", Kind.TEXT, Direction.TWO_WAY),
        Field("Street", "street", Kind.TEXT, Direction.TWO_WAY, group="address"),
        Field("City", "street", Kind.TEXT, Direction.TWO_WAY, group="address"),
        Field("Source", None, Kind.TEXT, Direction.PUSH, constant="app"),
    )
    by_field = Identify(IdentifyKind.FIELD, "Email", "email")
    by_key = Identify(IdentifyKind.EXTERNAL_ID, "Key__c", "id", unique=True)
    by_id = Identify(IdentifyKind.SALESFORCE_ID, "Id", "sf")
    table = Table("public", "people", ("id",), {})
    step = Step("s", "Contact", table, Direction.TWO_WAY, fields, (by_field, by_id, by_key), updated_at="at")
    assert step.by_name["City"] is fields[2]
    assert step.by_column["street"] == (fields[1], fields[2])
    assert step.units == ((fields[0],), (fields[1], fields[2]), (fields[3],))
    assert step.columns == ("name", "street", "email", "sf", "id", "at")
    assert step.salesforce_fields == ("Name", "Street", "City", "Source", "Email", "Key__c")
    assert step.external_id is by_key
    plain = Step("p", "Lead", table, Direction.PULL, fields)
    assert plain.external_id is None
    assert plain.columns == ("name", "street")
    steps = Steps((step, plain))
    assert steps.by_name["p"] is plain
    assert steps.by_object["Contact"] == (step,)
    assert steps.of_table_and_object("public.people", "Lead") is plain
    assert steps.of_table_and_object("public.other", "Lead") is None
    assert steps.of_table_and_object("public.people", "Task") is None
    assert not step.must_read
    roll_up = Field("Total", "total", Kind.NUMBER, Direction.PULL, in_events=False)
    assert Step("r", "Contact", table, Direction.PULL, (roll_up,)).must_read
