"""The lens laws of every kind: a round trip changes nothing, whatever was there, and nothing raises."""

import json
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.canonical import from_postgres, from_salesforce, to_postgres, to_salesforce
from daemon.domain.mapping import Field, Kind, OnUnmapped, Unmapped, ValueMap
from daemon.domain.side import Direction
from daemon.domain.value import Raw

IDS = st.text("ABCXYZabcxyz0159", min_size=15, max_size=15)

RAW: st.SearchStrategy[Raw] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text('0123456789-:.TZ+;[]"\x00\ud800 e'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)

WRITTEN: dict[Kind, st.SearchStrategy[Raw]] = {
    Kind.TEXT: st.text(),
    Kind.BOOLEAN: st.booleans() | st.sampled_from(["true", "f", "T"]),
    Kind.NUMBER: st.integers(-(10**17), 10**17)
    | st.floats(-1e14, 1e14)
    | st.decimals(-(10**14), 10**14, places=4, allow_nan=False).map(str),
    Kind.DATE: st.dates().map(str),
    Kind.DATETIME: st.datetimes(timezones=st.just(UTC)).map(str),
    Kind.TIME: st.times().map(str),
    Kind.SET: st.lists(
        st.text(st.characters(exclude_characters=";\x00", exclude_categories=["Cs"])), max_size=5
    ).map(json.dumps),
    Kind.REFERENCE: IDS,
    Kind.JSON: st.dictionaries(
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), st.integers()
    ).map(json.dumps),
}


def field(kind: Kind, scale: int | None = None) -> Field:
    return Field("Field__c", "field", kind, Direction.TWO_WAY, scale=scale)


@pytest.mark.parametrize("kind", Kind)
@given(data=st.data(), scale=st.none() | st.integers(0, 4))
def test_what_a_column_holds_comes_back_from_salesforce_unchanged(
    kind: Kind, data: st.DataObject, scale: int | None
) -> None:
    """Also the way back: what is written to the column reads as what was meant, so reading is idempotent."""
    raw = data.draw(st.none() | WRITTEN[kind] | RAW)
    mapped = field(kind, scale)
    once = from_postgres(mapped, raw if raw is None or isinstance(raw, str) else str(raw))
    if once.failure is not None or once.absent:
        return
    assert from_salesforce(mapped, to_salesforce(mapped, once.value)) == once
    assert from_postgres(mapped, _text(to_postgres(mapped, once.value).value)) == once


@pytest.mark.parametrize("kind", Kind)
@given(data=st.data(), scale=st.none() | st.integers(0, 4))
def test_what_salesforce_holds_comes_back_from_a_column_unchanged(
    kind: Kind, data: st.DataObject, scale: int | None
) -> None:
    raw = data.draw(st.none() | RAW if kind is Kind.SET else st.none() | WRITTEN[kind] | RAW)
    mapped = field(kind, scale)
    once = from_salesforce(mapped, raw)
    if once.failure is not None:
        return
    assert from_postgres(mapped, _text(to_postgres(mapped, once.value).value)) == once
    assert from_salesforce(mapped, to_salesforce(mapped, once.value)) == once


@pytest.mark.parametrize("kind", Kind)
@given(raw=RAW, other=RAW)
def test_reading_is_total_and_equality_symmetric(kind: Kind, raw: Raw, other: Raw) -> None:
    mapped = field(kind)
    one, two = from_salesforce(mapped, raw), from_salesforce(mapped, other)
    assert (one.value == two.value) == (two.value == one.value)
    assert (one.failure is None) or one.value is None
    if isinstance(raw, str):
        from_postgres(mapped, raw)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "raw", ["[" * 100_000, "9" * 5_000, "1e999999999", "\ud800", '["\\ud800"]', '"\\u0000"', "NaN"]
)
def test_hostile_text_is_a_failure_or_a_value_that_can_be_stored(kind: Kind, raw: str) -> None:
    for reading in (from_salesforce(field(kind), raw), from_postgres(field(kind), raw)):
        text = _text(to_postgres(field(kind), reading.value).value)
        if text is not None:
            text.encode()
            assert "\x00" not in text


@given(st.sampled_from(["new", "old", "elsewhere"]), st.sampled_from([OnUnmapped.REJECT, OnUnmapped.KEEP]))
def test_a_value_map_is_a_lens_on_the_values_that_it_names(value: str, action: OnUnmapped) -> None:
    table = ValueMap(
        {"New": "new", "Old": "old"}, {"new": "New", "old": "Old"}, Unmapped(action), Unmapped(action)
    )
    mapped = Field("Status", "status", Kind.TEXT, Direction.TWO_WAY, values=table)
    once = from_postgres(mapped, value)
    if once.failure is None and not once.absent:
        assert from_salesforce(mapped, to_salesforce(mapped, once.value)) == once


def _text(value: object) -> str | None:
    assert value is None or isinstance(value, str)
    return value
