"""Quoting, and the texts of keys."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.postgres.identifiers import (
    dollar_quoted,
    filled,
    key_parts,
    key_text,
    literal,
    object_name,
    qualified,
    quoted,
)


def test_identifiers_are_quoted() -> None:
    assert quoted('a"b') == '"a""b"'
    assert qualified("s.x", "t") == '"s.x"."t"'
    for bad in ("", "a\0b"):
        with pytest.raises(ValueError, match="identifier"):
            quoted(bad)


def test_literals_mean_the_same_under_any_setting() -> None:
    assert literal("it's") == "'it''s'"
    assert literal("a\\'b") == "E'a\\\\''b'"
    with pytest.raises(ValueError, match="U\\+0000"):
        literal("\0")


def test_a_template_is_filled_once() -> None:
    assert filled("{{a}} {{b}}", {"a": "{{b}}", "b": "x"}) == "{{b}} x"
    with pytest.raises(KeyError):
        filled("{{missing}}", {})


@given(st.text(alphabet="$isthmus_x"))
def test_a_dollar_quoted_body_cannot_end_early(body: str) -> None:
    text = dollar_quoted(body)
    tag = text[: text.index("$", 1) + 1]
    assert text == f"{tag}{body}{tag}"
    assert tag not in body


@given(st.text(min_size=1))
def test_object_names_are_plain_short_and_told_apart(step: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9_]{7,39}", object_name(step))
    assert object_name(step) != object_name(step + "x")


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_keys_text_gives_its_parts_back(parts: list[str]) -> None:
    assert key_parts(key_text(parts), len(parts)) == parts


@pytest.mark.parametrize("key", ["x", "7", '["a"]', '["a", 1]', '{"a": 1}'])
def test_a_text_that_is_no_key_of_two_columns_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"not a key|Expecting"):
        key_parts(key, 2)
