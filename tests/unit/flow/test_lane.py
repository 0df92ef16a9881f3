"""Which steps are settled set-wise: the plain ones, and no other."""

from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.mapping import Kind, Step
from daemon.domain.policy import Behaviour
from daemon.domain.side import Direction
from daemon.flow.loading.lane import plain
from tests.support.road_steps import COMPANIES, COMPANY, PEOPLE, field, with_field, with_fields


def typed(column: str, spelling: str, *, generated: bool = False) -> Step:
    table = replace(COMPANY, types={**COMPANY.types, column: spelling})
    return replace(COMPANIES, table=replace(table, generated=frozenset({column} if generated else ())))


def test_a_plain_step_is_plain() -> None:
    assert plain(COMPANIES)
    assert plain(replace(COMPANIES, direction=Direction.PULL))
    assert plain(with_field(COMPANIES, "Website", default="none"))


@pytest.mark.parametrize(
    "step",
    [
        PEOPLE,
        replace(COMPANIES, direction=Direction.PUSH),
        replace(COMPANIES, pull=Behaviour.UPDATE_ONLY),
        with_field(COMPANIES, "Phone", direction=Direction.PUSH),
        with_fields(COMPANIES, field("Rating", None, direction=Direction.PUSH, constant="Hot")),
        with_fields(COMPANIES, field("Fax", "phone")),
        with_field(COMPANIES, "NumberOfEmployees", scale=2),
        typed("name", "json"),
        typed("name", "uuid"),
        typed("name", "text", generated=True),
        typed("ext_id", "text", generated=True),
        typed("ext_id", "jsonb"),
    ],
)
def test_anything_unusual_takes_the_road(step: Step) -> None:
    assert not plain(step)


@pytest.mark.parametrize(
    ("kind", "spelling", "more", "exact"),
    [
        (Kind.TEXT, "character varying(80)", {}, True),
        (Kind.TEXT, "character(80)", {}, False),
        (Kind.NUMBER, "numeric(18,2)", {"scale": 2}, True),
        (Kind.NUMBER, "numeric(18,2)", {"scale": None}, False),
        (Kind.NUMBER, "numeric(18,1)", {"scale": 2}, False),
        (Kind.NUMBER, "numeric(18)", {"scale": 0}, True),
        (Kind.NUMBER, "numeric", {"scale": None}, True),
        (Kind.NUMBER, "integer", {"scale": 0}, True),
        (Kind.NUMBER, "double precision", {"scale": 2}, False),
        (Kind.DATETIME, "timestamp with time zone", {}, True),
        (Kind.DATETIME, "timestamp without time zone", {}, False),
        (Kind.SET, "text[]", {}, True),
        (Kind.JSON, "jsonb", {}, False),
    ],
)
def test_a_column_must_give_back_what_it_was_given(
    kind: Kind, spelling: str, more: dict[str, Any], exact: bool
) -> None:
    table = replace(COMPANY, types={**COMPANY.types, "note": spelling})
    step = with_fields(replace(COMPANIES, table=table), field("Note__c", "note", kind, **more))
    assert plain(step) is exact
