"""A step's actions, as they are written and as the daemon works by them."""

from dataclasses import replace

import pytest

from daemon.domain.action import CallFunction, InsertRow, PostWebhook
from daemon.domain.side import Direction
from daemon.settings.resolve import Resolution, resolve, wanted_tables
from tests.unit.settings.sample import OBJECTS, TABLES, a_table, column, line_of, refused, settings

HERE = "    depends_on: [accounts]\n"
SEQUENCES = a_table(
    "sequence_people",
    column("id", "bigint", nullable=False, default=True),
    column("person", "bigint", nullable=False),
    column("sequence"),
    column("made", generated=True),
)


def written(*actions: str) -> tuple[str, str]:
    lines = "".join(f"      - {action}\n" for action in actions)
    return HERE, f"{HERE}    actions:\n{lines}"


def resolved(*actions: str) -> Resolution:
    known = {**TABLES, "crm.sequence_people": SEQUENCES}
    return resolve(settings(written(*actions)), OBJECTS, known)


def problems(*actions: str) -> list[str]:
    return [str(problem) for problem in resolved(*actions).problems]


FUNCTION = "{ name: enrol, do: { function: crm.enrol } }"
INSERT = (
    "{ name: enrol, do: { insert: { table: crm.sequence_people, columns: { person: $key, sequence: 12 } } } }"
)
WEBHOOK = "{ name: tell, do: { webhook: { url: https://hooks.acme.com/x, secret: { env: HOOK } } }, direction: push }"


def test_actions_are_resolved_with_their_targets_and_directions() -> None:
    resolution = resolved(FUNCTION, INSERT.replace("enrol", "list"), WEBHOOK)
    assert resolution.steps is not None, resolution.problems
    one, two, three = resolution.steps.by_name["people"].actions
    assert one.target == CallFunction("crm.enrol")
    assert two.target == InsertRow("crm.sequence_people", {"person": "$key", "sequence": "12"})
    assert three.target == PostWebhook("https://hooks.acme.com/x")
    assert [action.direction for action in (one, two, three)] == [
        Direction.PULL,
        Direction.PULL,
        Direction.PUSH,
    ]
    assert "crm.sequence_people" in wanted_tables(settings(written(INSERT)))


@pytest.mark.requirement("S1-67")
@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("{ name: enrol }", "is missing"),
        ("{ name: enrol, do: {} }", "is not one action with its target"),
        ("{ name: enrol, do: { function: } }", "must be text"),
        ("{ name: enrol, do: { insert: { table: crm.sequence_people } } }", "is missing"),
        ("{ name: enrol, do: { insert: { table: crm.sequence_people, columns: {} } } }", "is empty"),
        ("{ name: enrol, do: { webhook: { secret: { env: X } } } }", "is missing"),
        (
            "{ name: enrol, do: { function: a.b, webhook: { url: https://x.y } } }",
            "is not one action with its target",
        ),
    ],
)
def test_an_action_without_its_target_is_refused(action: str, words: str) -> None:
    [line] = refused(written(action))
    assert line.startswith(f"isthmus.yaml:{line_of(action, written(action))}")
    assert words in line


@pytest.mark.requirement("S1-69")
def test_exclude_updated_is_a_key_of_an_action_and_of_nothing_else() -> None:
    [line] = refused((HERE, f"{HERE}    exclude_updated: true\n"))
    assert "is no key here" in line
    resolution = resolved("{ name: enrol, do: { function: crm.enrol }, exclude_updated: true }")
    assert resolution.steps is not None
    assert resolution.steps.by_name["people"].actions[0].exclude_updated


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.acme.com/x", "in the clear"),
        ("ftp://hooks.acme.com/x", "is no address to post to"),
        ("https://me@hooks.acme.com/x", "is no address to post to"),
        ("https://hooks.acme.com:port/x", "is no address to post to"),
    ],
)
def test_a_webhook_goes_to_an_address_that_keeps_what_it_is_told(url: str, words: str) -> None:
    [line] = refused(written(f"{{ name: tell, do: {{ webhook: {{ url: '{url}' }} }} }}"))
    assert words in line


def test_names_are_unique_and_directions_do_not_widen_the_step() -> None:
    [twice] = refused(written(FUNCTION, FUNCTION))
    assert "there twice" in twice
    pulling = (
        "    salesforce: { object: Contact }\n    postgres: { table: crm.people }\n    direction: two_way",
        "    salesforce: { object: Contact }\n    postgres: { table: crm.people }\n    direction: pull",
    )
    [wider] = refused(pulling, written(WEBHOOK))
    assert "widens" in wider


def test_what_does_not_fit_the_table_is_told_at_its_place() -> None:
    wrong = "{ name: enrol, do: { insert: { table: crm.sequence_people, columns: { sequenc: x, made: y, sequence: $kee } } } }"
    found = "\n".join(problems(wrong))
    assert "has no column sequenc" in found
    assert "did you mean sequence" in found
    assert "made fills itself" in found
    assert "nothing fills $kee" in found
    assert "person may not be null" in found
    [missing] = problems(INSERT.replace("crm.sequence_people", "crm.sequence_peple"))
    assert "there is no table crm.sequence_peple" in missing


def test_a_table_that_takes_no_rows_is_refused() -> None:
    known = {**TABLES, "crm.sequence_people": replace(SEQUENCES, insertable=False)}
    resolution = resolve(settings(written(INSERT)), OBJECTS, known)
    assert ["may not insert" in str(problem) for problem in resolution.problems] == [True]


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("bigint", "twelve", "a number"), ("integer", "1.5", "a number"), ("numeric(12,2)", "1.5", None), ("numeric", "x", "a number"),
        ("bigint", "$sf_id", "a number"), ("bigint", "$key", None), ("uuid", "$key", "a UUID"), ("uuid", "abc", "a UUID"),
        ("boolean", "maybe", "true or false"), ("boolean", "yes", None), ("boolean", "$at", "true or false"),
        ("timestamp(3) with time zone", "$at", None), ("date", "$url", "a time"), ("date", "today", None),
        ("text", "$url", None), ("integer", "$$5", "a number"), ("jsonb", "$url", None),
    ],
)  # fmt: skip
def test_a_value_that_no_column_of_that_type_takes_is_refused(
    kind: str, value: str, wanted: str | None
) -> None:
    table = a_table("log", column("it", kind))
    action = f"{{ name: log, do: {{ insert: {{ table: crm.log, columns: {{ it: '{value}' }} }} }} }}"
    found = resolve(settings(written(action)), OBJECTS, {**TABLES, "crm.log": table}).problems
    assert [problem.what.endswith(f"is not {wanted}") for problem in found] == (
        [] if wanted is None else [True]
    )
