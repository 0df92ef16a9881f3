"""Conditions: rules as SOQL and SQL, what may stand in brackets, and which columns a condition may look at."""

from dataclasses import replace

import pytest

from daemon.domain.filter import (
    Filter,
    Operator,
    columns_named,
    compiled,
    compiled_sql,
    one_condition,
    together,
)
from daemon.domain.mapping import Field, Kind, Step, Table
from daemon.domain.side import Direction


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        (Operator.EQUALS, ("O'Hara",), r"Name = 'O\'Hara'"),
        (Operator.EQUALS, ("null",), "Name = null"),
        (Operator.NOT_EQUALS, ("a\\b",), r"Name != 'a\\b'"),
        (Operator.IN, ("a", "b"), "Name IN ('a', 'b')"),
        (Operator.NOT_IN, ("a",), "Name NOT IN ('a')"),
        (Operator.INCLUDES, ("a;b",), "Name INCLUDES ('a;b')"),
        (Operator.STARTS_WITH, ("50%",), r"Name LIKE '50\%%'"),
        (Operator.ENDS_WITH, ("_x",), r"Name LIKE '%\_x'"),
        (Operator.CONTAINS, ("it's",), r"Name LIKE '%it\'s%'"),
    ],
)
def test_a_rule_as_soql(operator: Operator, values: tuple[str, ...], expected: str) -> None:
    assert compiled("Name", operator, values) == expected


def test_a_field_that_holds_no_text_takes_bare_values_alone() -> None:
    assert compiled("Amount", Operator.GREATER, ("10.5",), quoted=False) == "Amount > 10.5"
    assert compiled("IsWon", Operator.EQUALS, ("true",), quoted=False) == "IsWon = true"
    assert (
        compiled("CreatedDate", Operator.GREATER, ("LAST_N_DAYS:30",), quoted=False)
        == "CreatedDate > LAST_N_DAYS:30"
    )
    with pytest.raises(ValueError, match="no number"):
        compiled("Amount", Operator.EQUALS, ("1 OR Id != ''",), quoted=False)


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        (Operator.EQUALS, ("O'Hara",), "\"c\" = 'O''Hara'"),
        (Operator.EQUALS, ("null",), '"c" IS NULL'),
        (Operator.NOT_EQUALS, ("null",), '"c" IS NOT NULL'),
        (Operator.NOT_EQUALS, ("a",), "\"c\" IS DISTINCT FROM 'a'"),
        (Operator.LESS, ("5",), "\"c\" < '5'"),
        (Operator.IN, ("a", "b"), "\"c\" IN ('a', 'b')"),
        (Operator.INCLUDES, ("a", "b"), "('a' = ANY (\"c\") OR 'b' = ANY (\"c\"))"),
        (Operator.EXCLUDES, ("a",), "NOT ('a' = ANY (\"c\"))"),
        (Operator.CONTAINS, ("50%",), "\"c\"::text ILIKE E'%50\\\\%%'"),
    ],
)
def test_a_rule_as_sql(operator: Operator, values: tuple[str, ...], expected: str) -> None:
    assert compiled_sql('"c"', operator, values) == expected


@pytest.mark.parametrize(
    ("text", "escapes", "fits"),
    [
        ("a = 'x'", True, True),
        ("(a) OR (b)", True, True),
        ("a) OR (b", True, False),
        ("(a", True, False),
        ("a = ')'", True, True),
        (r"a = '\')'", True, True),
        (r"a = '\'", False, True),
        ("a = 'x", True, False),
        ("  ", True, False),
        ("a" * 4001, True, False),
    ],
)
def test_a_condition_stays_within_its_brackets(text: str, escapes: bool, fits: bool) -> None:
    assert one_condition(text, escapes=escapes) is fits


def test_conditions_that_must_all_hold_keep_their_own_or() -> None:
    assert together(["a OR b"]) == "a OR b"
    assert together(["a OR b", "c"]) == "(a OR b) AND (c)"


def test_the_columns_that_a_condition_may_look_at() -> None:
    columns = ("id", "city", "Total Sum", "email")
    assert columns_named("CITY = 'email' AND \"Total Sum\" > 1", "person", columns) == ("city", "Total Sum")
    assert columns_named("person.city = 'x'", "person", columns) == ("city",)
    assert columns_named("app.person.city = 'x'", "person", columns) == ("city",)
    assert columns_named("email = 'person'", "person", columns) == ("email",)
    assert columns_named("GRÖSSE > 3", "person", ["größe", "grÖsse"]) == ("grÖsse",), (
        "PostgreSQL folds ASCII alone"
    )
    quoted = """"o'clock" > 3 AND vip AND "o'clock" < 9"""
    assert columns_named(quoted, "person", ["o'clock", "vip"]) == ("o'clock", "vip")


@pytest.mark.parametrize(
    "condition",
    [
        "is_vip(person)",
        "row_to_json(person.*) ->> 'city' = 'Berlin'",
        "person.email <> '' AND to_jsonb(person) ->> 'city' = 'Berlin'",
        "person.is_vip",
        'is_vip("person")',
        "email <> E'\\'' AND city = 'Berlin' AND email <> E'\\''",
        "email <> e'\\'' AND city = 'Berlin' AND email <> e'\\''",
        "U&\"c\\0069ty\" = 'Berlin'",
        "email <> $$'$$ AND city = 'Berlin' AND email <> $$'$$",
        "email <> '' /* ' */ AND city = 'Berlin' /* ' */",
        "email <> '' -- '\n AND city = 'Berlin' -- '",
    ],
)
def test_a_condition_whose_columns_cannot_be_told_may_look_at_all(condition: str) -> None:
    columns = ("id", "city", "Total Sum", "email")
    assert columns_named(condition, "person", columns) == columns


def test_a_step_with_filters_reads_each_record_and_every_column_that_is_judged() -> None:
    table = Table("app", "person", ("id",), {"id": "bigint", "name": "text", "city": "text"})
    plain = Step(
        "people", "Contact", table, Direction.TWO_WAY, (Field("Name", "name", Kind.TEXT, Direction.TWO_WAY),)
    )
    assert (plain.soql, plain.must_read, plain.columns) == ("", False, ("name",))
    judged = replace(plain, pull_filter=Filter("Name != null"), push_filter=Filter("city <> ''", ("city",)))
    assert (judged.soql, judged.must_read, judged.columns) == ("Name != null", True, ("name", "city"))
