"""How types cross as text."""

import pytest

from adapters.postgres.columns import cast_type, comparison, differs, document, fits, into, out, text_settings


@pytest.mark.parametrize(
    ("type_name", "cast"),
    [
        ("character varying(5)", "text"),
        ("character varying", "text"),
        ("character(5)", "bpchar"),
        ("character varying(10)[]", "text[]"),
        ("bit(3)", "varbit"),
        ("numeric(12,2)", "numeric"),
        ("numeric(3,-2)", "numeric"),
        ("timestamp(0) with time zone", "timestamp with time zone"),
        ("uuid", "uuid"),
        ('crm."Mood"', 'crm."Mood"'),
    ],
)
def test_a_value_is_cast_without_its_length_lest_it_be_cut(type_name: str, cast: str) -> None:
    assert cast_type(type_name) == cast


def test_arrays_cross_as_json() -> None:
    assert out("t", "a", "text[]") == 'to_json(t."a")::text'
    assert out("t", "a", "text") == 't."a"::text'
    assert "json_array_elements_text(x::json))::uuid[]" in into("x", "uuid[]")


def test_types_without_a_letter_by_letter_equality_are_compared_as_text() -> None:
    assert differs("n", "o", "a", "integer") == 'n."a" IS DISTINCT FROM o."a"'
    for type_name in ("citext", "json", "text", "point", "text[]"):
        assert 'n."a"::text COLLATE "C" IS DISTINCT' in differs("n", "o", "a", type_name)


def test_only_types_whose_text_depends_on_settings_pay_for_them() -> None:
    assert text_settings(["text", "bigint", "numeric(8,2)", "uuid[]", "jsonb"]) == ()
    for type_name in ("date", "timestamp with time zone", "interval", "bytea", "real", "tstzrange", "x.y"):
        assert text_settings(["text", type_name])


def test_a_document_holds_the_texts_of_its_columns_or_of_those_that_changed() -> None:
    assert document("n", {}) == "'{}'::jsonb"
    whole = document("n", {"a": "integer"})
    assert whole == """jsonb_object(ARRAY['a']::text[], ARRAY[n."a"::text]::text[])"""
    changed = document("n", {"a": "integer"}, {"a": "true"})
    assert changed == f"{whole} - ARRAY[CASE WHEN NOT (true) THEN 'a' END]::text[]"


@pytest.mark.parametrize(
    ("type_name", "good", "bad"),
    [
        ("smallint", ["-32768", "32767"], ["-32769", "32768"]),
        ("integer", ["0", "-12", "2147483647"], ["", "1.0", "2147483648", "x", "1\n", "١"]),
        ("bigint", ["9223372036854775807"], ["9223372036854775808", "99999999999999999999"]),
        ("uuid", ["00000000-0000-0000-0000-00000000000F"], ["0", "g0000000-0000-0000-0000-000000000000"]),
        ("numeric(8,2)", ["1.50", "-3"], ["NaN", "1e5", "."]),
        ("text", ["anything"], ["\0"]),
    ],
)
def test_only_texts_of_the_columns_type_are_looked_for(
    type_name: str, good: list[str], bad: list[str]
) -> None:
    assert all(fits(text, type_name) for text in good)
    assert not any(fits(text, type_name) for text in bad)


def test_a_column_is_searched_in_its_own_type_where_its_texts_can_be_told() -> None:
    assert comparison("a", "character varying(9)") == ('t."a"', "text")
    assert comparison("a", "bigint") == ('t."a"', "bigint")
    assert comparison("a", "date") == ('t."a"::text', "text")
