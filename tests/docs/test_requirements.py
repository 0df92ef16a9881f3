"""The page of requirements says what the table and the tests' marks say."""

import re

from tests.support.requirements import GROUPS, PAGE, marked, page, requirements


def test_the_page_is_what_the_table_and_the_marks_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.support.requirements"


def test_a_row_has_an_id_of_its_own_a_topic_and_a_text() -> None:
    rows = requirements()
    assert len({row.id for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"S\d-\d\d+", row.id)
        assert row.id[:2] in GROUPS
        assert row.topic
        assert row.text
        assert "|" not in row.topic + row.text


def test_a_mark_names_a_row_that_is_there() -> None:
    assert set(marked()) <= {row.id for row in requirements()}
