"""Filters in the configuration: what is refused, where, and what the conditions become."""

from dataclasses import replace

import pytest

from daemon.settings.errors import SettingsError
from daemon.settings.load import loads
from daemon.settings.resolve import resolve
from tests.unit.settings.sample import OBJECTS, TABLES, TEXT

TWO = "    push: { behaviour: update_or_create }\n"


def text(pull: str = "", push: str = "", saved: str = "", direction: str = "two_way") -> str:
    lines = (f"    pull: {{ filter: {pull} }}\n" if pull else "") + (
        f"    push: {{ filter: {push} }}\n" if push else ""
    )
    found = TEXT.replace(TWO, lines or TWO, 1).replace("direction: two_way", f"direction: {direction}", 1)
    return found.replace("steps:\n", f"filters:\n{saved}steps:\n", 1) if saved else found


def refusals(**written: str) -> str:
    with pytest.raises(SettingsError) as caught:
        loads(text(**written), {})
    return "\n".join(str(problem) for problem in caught.value.problems)


@pytest.mark.requirement("S1-56")
@pytest.mark.parametrize("part", ["field", "operator", "value"])
def test_a_rule_without_one_of_its_parts_is_refused_where_it_stands(part: str) -> None:
    parts = {"field": "field: Name", "operator": "operator: equals", "value": "value: a"}
    rule = ", ".join(value for name, value in parts.items() if name != part)
    assert f"isthmus.yaml:23: steps[accounts].pull.filter[0].{part}: is missing" in refusals(
        pull=f"[ {{ {rule} }} ]"
    )


@pytest.mark.requirement("S1-58")
def test_a_filter_belongs_to_a_direction_that_the_step_has() -> None:
    assert "pull.filter: this step only pushes" in refusals(pull="{ soql: \"Name = 'a'\" }", direction="push")
    said = refusals(push="{ sql: \"name = 'a'\" }", direction="pull")
    assert "isthmus.yaml:23: steps[accounts].push.filter: this step only pulls" in said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"pull": "{ sql: 'a = 1' }"}, "sql cannot judge"),
        ({"push": "{ soql: 'a = 1' }"}, "soql cannot judge"),
        ({"push": "{ sql: 'a = 1', saved: all }"}, "one condition in one form"),
        ({"push": "[]"}, "one condition in one form"),
        ({"push": "{ sql: 'a) OR (b' }"}, "brackets or quotes do not match"),
        ({"push": "{ saved: nobody }"}, "there is no saved filter nobody"),
        ({"push": "{ saved: with_emial }"}, "did you mean with_email?"),
        ({"pull": "{ saved: all }"}, "there is no saved filter all"),
        ({"pull": "{ saved: big }", "saved": "  big: { sql: 'a = 1' }\n"}, "is for rows that go out"),
        ({"push": "{ saved: big }", "saved": "  big: { soql: 'a = 1' }\n"}, "is for records that come in"),
        (
            {"push": "{ saved: all }", "saved": "  all: { sql: 'a = 1' }\n"},
            "is a filter that is there already",
        ),
        ({"push": "[ { field: name, operator: equals, value: [a, b] } ]"}, "equals takes one value"),
        ({"push": "[ { field: name, operator: equal, value: a } ]"}, "is none of the allowed words"),
    ],
)
def test_what_is_refused_when_it_is_loaded(written: dict[str, str], said: str) -> None:
    assert said in refusals(**written)


def conditions(**written: str) -> tuple[str | None, str | None, tuple[str, ...]]:
    found = resolve(loads(text(**written), {}), OBJECTS, TABLES)
    assert found.steps is not None, found.problems
    step = found.steps.by_name["accounts"]
    pull, push = step.pull_filter, step.push_filter
    return pull.condition if pull else None, push.condition if push else None, push.columns if push else ()


@pytest.mark.requirement("S1-55")
def test_several_rules_must_all_hold() -> None:
    rules = "[ { field: Name, operator: starts_with, value: A }, { field: AnnualRevenue, operator: greater_than, value: 5 } ]"
    assert conditions(pull=rules)[0] == "(Name LIKE 'A%') AND (AnnualRevenue > 5)"


@pytest.mark.requirement("S1-59")
@pytest.mark.requirement("S1-61")
def test_a_saved_filter_is_loaded_by_its_name() -> None:
    saved = "  big: { sql: revenue > 1000 }\n"
    assert conditions(push="{ saved: big }", saved=saved) == (None, "revenue > 1000", ("revenue",))


@pytest.mark.requirement("S1-60")
def test_the_filters_that_are_there_already() -> None:
    assert conditions(push="{ saved: all }") == (None, None, ())
    problems = resolve(loads(text(push="{ saved: recently_changed }"), {}), OBJECTS, TABLES).problems
    assert "recently_changed needs to know when a row was changed" in str(problems[0])
    problems = resolve(loads(text(push="{ saved: with_email }"), {}), OBJECTS, TABLES).problems
    assert "with_email needs a column" in str(problems[0])
    companies = TABLES["crm.companies"]
    columns = {**companies.columns, "email": replace(companies.columns["name"], name="email", nullable=True)}
    tables = {**TABLES, "crm.companies": replace(companies, columns=columns)}
    found = resolve(loads(text(push="{ saved: with_email }"), {}), OBJECTS, tables)
    assert found.steps is not None
    judged = found.steps.by_name["accounts"].push_filter
    assert judged is not None
    assert (judged.condition, judged.columns) == ("\"email\" <> ''", ("email",))


def test_a_view_names_rows_by_their_key_and_may_look_at_every_column() -> None:
    _, condition, columns = conditions(push="{ view: crm.wanted }")
    assert condition == (
        'EXISTS (SELECT FROM "crm"."wanted" AS "isthmus:filter" WHERE "isthmus:filter"."id" = "companies"."id")'
    )
    assert set(columns) == set(TABLES["crm.companies"].columns)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"pull": "[ { field: Nmae, operator: equals, value: a } ]"}, "did you mean Name?"),
        ({"pull": "[ { field: AnnualRevenue, operator: equals, value: lots } ]"}, "is no number"),
        ({"push": "[ { field: nmae, operator: equals, value: a } ]"}, "has no column nmae"),
    ],
)
def test_what_does_not_fit_the_sides_is_told_at_its_line(written: dict[str, str], said: str) -> None:
    [problem] = resolve(loads(text(**written), {}), OBJECTS, TABLES).problems
    assert said in str(problem)
    assert "isthmus.yaml:23" in str(problem)
