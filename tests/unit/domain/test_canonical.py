"""One spelling of each value, by example."""

import pytest

from daemon.domain.canonical import (
    ABSENT,
    Reading,
    constant,
    from_postgres,
    from_salesforce,
    to_postgres,
    to_salesforce,
)
from daemon.domain.mapping import Field, Kind, OnUnmapped, Unmapped, ValueMap
from daemon.domain.side import Direction
from daemon.domain.value import Raw, Value


def field(kind: Kind, direction: Direction = Direction.TWO_WAY, **more: object) -> Field:
    return Field("F", "f", kind, direction, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (Kind.TEXT, None, None), (Kind.TEXT, " a\r\nb\r ", "a\nb"), (Kind.TEXT, "", None), (Kind.TEXT, "é", "é"),
        (Kind.TEXT, True, "true"), (Kind.TEXT, False, "false"), (Kind.TEXT, {"b": 1, "a": [2]}, '{"a":[2],"b":1}'),
        (Kind.TEXT, 7, "7"),
        (Kind.BOOLEAN, None, False), (Kind.BOOLEAN, True, True), (Kind.BOOLEAN, "F", False), (Kind.BOOLEAN, "t", True),
        (Kind.NUMBER, None, None), (Kind.NUMBER, "", None), (Kind.NUMBER, 1.50, "1.5"), (Kind.NUMBER, "100", "100"),
        (Kind.NUMBER, "-0.0", "0"), (Kind.NUMBER, "1e3", "1000"), (Kind.NUMBER, 0.1, "0.1"),
        (Kind.DATE, "2026-11-22", "2026-11-22"), (Kind.DATE, None, None), (Kind.DATE, "", None),
        (Kind.DATETIME, "2026-11-22T13:34:15.000+0000", "2026-11-22T13:34:15Z"), (Kind.DATETIME, "", None),
        (Kind.DATETIME, "2026-11-22 15:34:15.999+02", "2026-11-22T13:34:15Z"),
        (Kind.TIME, "13:34:15.000Z", "13:34:15.000"), (Kind.TIME, "13:34:15", "13:34:15.000"), (Kind.TIME, None, None),
        (Kind.SET, "B;A; ;A", ("A", "B")), (Kind.SET, "", None), (Kind.SET, None, None), (Kind.SET, ["b", None, "a"], ("a", "b")),
        (Kind.REFERENCE, "0015f00002JUZPD", "0015f00002JUZPDAA5"), (Kind.REFERENCE, None, None), (Kind.REFERENCE, "", None),
        (Kind.JSON, '{"b":1, "a":2}', '{"a":2,"b":1}'), (Kind.JSON, [1], "[1]"), (Kind.JSON, None, None), (Kind.JSON, "", None),
    ],
)  # fmt: skip
def test_what_salesforce_says(kind: Kind, raw: Raw, value: Value) -> None:
    assert from_salesforce(field(kind), raw) == Reading(value)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (Kind.TEXT, "a\x00b"), (Kind.TEXT, "\ud800"), (Kind.BOOLEAN, "maybe"), (Kind.NUMBER, True), (Kind.NUMBER, "NaN"),
        (Kind.NUMBER, "1e99"), (Kind.NUMBER, "x"), (Kind.DATE, "infinity"), (Kind.DATETIME, "2026-11-22T13:34:15"),
        (Kind.TIME, "13:00+02:00"), (Kind.SET, ["a;b"]), (Kind.SET, ["\x00"]), (Kind.REFERENCE, "nobody"), (Kind.JSON, "NaN"),
        (Kind.JSON, "{"), (Kind.DATETIME, "0001-01-01T00:00:00+14:00"),
    ],
)  # fmt: skip
def test_what_has_no_canonical_form_is_a_failure_that_names_the_field(kind: Kind, raw: Raw) -> None:
    for reading in (from_salesforce(field(kind), raw), from_postgres(field(kind), _local(raw))):
        assert reading.failure is not None
        assert reading.failure.code == "value_not_readable"
        assert reading.failure.fields == ("F",)


def _local(raw: Raw) -> str:
    return '["a;b"]' if isinstance(raw, list) else "x;\x00" if raw == "\x00" else str(raw)


def test_numbers_are_rounded_half_up_to_the_decimals_that_both_keep() -> None:
    assert from_salesforce(field(Kind.NUMBER, scale=2), "2.345").value == "2.35"
    assert from_salesforce(field(Kind.NUMBER, scale=0), "2.5").value == "3"


def test_rule_8_empty_text_says_nothing_and_null_clears() -> None:
    assert from_postgres(field(Kind.TEXT), "  ") == ABSENT
    assert from_postgres(field(Kind.TEXT), None) == Reading(None)
    assert from_postgres(field(Kind.SET), None) == Reading(None)
    assert from_postgres(field(Kind.SET), '["b", "a"]') == Reading(("a", "b"))
    assert from_postgres(field(Kind.SET), "b;a") == Reading(("a", "b"))


@pytest.mark.parametrize(
    ("kind", "value", "raw"),
    [
        (Kind.TEXT, None, None), (Kind.BOOLEAN, None, False), (Kind.BOOLEAN, True, True), (Kind.SET, ("a", "b"), "a;b"),
        (Kind.NUMBER, "7", 7), (Kind.NUMBER, "1.5", 1.5), (Kind.NUMBER, "12345678901234567.5", "12345678901234567.5"),
        (Kind.TIME, "13:34:15.000", "13:34:15.000Z"), (Kind.DATE, "2026-11-22", "2026-11-22"),
    ],
)  # fmt: skip
def test_what_salesforce_is_sent(kind: Kind, value: Value, raw: Raw) -> None:
    assert to_salesforce(field(kind), value) == raw


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, None), (True, "true"), (False, "false"), (("a", "b"), '["a", "b"]'), ("x", "x")],
)
def test_what_a_column_is_given(value: Value, text: str | None) -> None:
    assert to_postgres(field(Kind.TEXT), value) == Reading(text)


def test_a_default_fills_what_is_empty_where_the_destination_takes_it() -> None:
    pull, push = (field(Kind.TEXT, d, default="x") for d in (Direction.PULL, Direction.PUSH))
    assert from_salesforce(pull, None).value == "x"
    assert from_salesforce(push, None).value is None
    assert from_postgres(push, "").value == "x"
    assert from_postgres(pull, None).value is None


def test_references_are_translated_or_wait() -> None:
    parent = field(Kind.REFERENCE, lookup="accounts")
    assert from_postgres(parent, "7", {"7": "001000000000001AAA"}).value == "001000000000001AAA"
    assert from_postgres(parent, "7") == Reading(absent=True, waiting="accounts:7")
    assert from_postgres(parent, None) == Reading(None)
    assert to_postgres(parent, "001000000000001AAA", {"001000000000001AAA": "7"}).value == "7"
    assert to_postgres(parent, "001000000000001AAA") == Reading(absent=True, waiting="001000000000001AAA")
    assert to_postgres(parent, None) == Reading(None)


def test_constants_have_a_canonical_form() -> None:
    assert constant(Field("F", None, Kind.NUMBER, Direction.PUSH, constant="1.50")) == "1.5"
    assert constant(Field("F", None, Kind.SET, Direction.PUSH, constant=("b", "a"))) == ("a", "b")


def mapped(action: OnUnmapped, kind: Kind = Kind.TEXT, direction: Direction = Direction.TWO_WAY) -> Field:
    other = Unmapped(action, "other")
    return field(
        kind, direction, values=ValueMap({"New": "new"}, {"new": "New"}, other, other), default="none"
    )


@pytest.mark.parametrize(
    ("action", "pulled", "pushed"),
    [
        (OnUnmapped.KEEP, ABSENT, None), (OnUnmapped.NULL, Reading(None), None),
        (OnUnmapped.VALUE, Reading("other"), "other"), (OnUnmapped.PASS, Reading("odd"), "odd"),
    ],
)  # fmt: skip
def test_a_value_map_and_what_it_does_not_name(action: OnUnmapped, pulled: Reading, pushed: Raw) -> None:
    assert from_salesforce(mapped(action), "New") == Reading("new")
    assert from_salesforce(mapped(action), "odd") == pulled
    assert to_salesforce(mapped(action), "new") == "New"
    assert to_salesforce(mapped(action), "odd") == pushed
    assert from_postgres(mapped(action), "new") == Reading("new")
    assert from_postgres(mapped(action), "odd") == (ABSENT if action is OnUnmapped.KEEP else Reading("odd"))


def test_a_value_map_that_rejects_parks_the_record() -> None:
    for reading in (
        from_salesforce(mapped(OnUnmapped.REJECT), "odd"),
        from_postgres(mapped(OnUnmapped.REJECT), "odd"),
    ):
        assert reading.failure is not None
        assert reading.failure.code == "value_not_mapped"
    assert to_salesforce(mapped(OnUnmapped.REJECT), "odd") is None


def test_value_maps_of_nothing_and_of_sets() -> None:
    rejects, passes = mapped(OnUnmapped.REJECT, Kind.SET), mapped(OnUnmapped.PASS, Kind.SET)
    assert from_salesforce(rejects, "New") == Reading(("new",))
    assert from_salesforce(rejects, "New;odd").failure is not None
    assert from_salesforce(mapped(OnUnmapped.KEEP, Kind.SET), "odd;New") == ABSENT
    assert from_salesforce(mapped(OnUnmapped.NULL, Kind.SET), "odd") == Reading(None)
    assert from_salesforce(rejects, None) == Reading("none")
    assert from_salesforce(mapped(OnUnmapped.REJECT, direction=Direction.PUSH), None) == Reading(None)
    assert to_salesforce(passes, ("new", "odd")) == "New;odd"
    assert to_salesforce(mapped(OnUnmapped.NULL, Kind.SET), ("odd",)) is None
    assert to_salesforce(rejects, None) is None
    assert from_postgres(rejects, '["new", "odd"]').failure is not None
    assert from_postgres(mapped(OnUnmapped.REJECT, direction=Direction.PULL), None) == Reading(None)
