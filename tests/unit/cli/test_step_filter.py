"""`step filter show|set|load|clear` as edits of the file."""

import json
from pathlib import Path

import pytest

from daemon.settings.load import load
from daemon.settings.steps import StepSettings
from tests.unit.cli.conftest import Run
from tests.unit.settings.sample import TEXT

SAVED = "filters:\n  big: { sql: revenue > 1000 }\n"


@pytest.fixture
def file(isthmus: Run, tmp_path: Path) -> Path:
    path = tmp_path / "isthmus.yaml"
    path.write_text(TEXT.replace("steps:\n", SAVED + "steps:\n"), encoding="utf-8")
    return path


def step(file: Path) -> StepSettings:
    return next(each for each in load([file], {}).steps if each.name == "accounts")


@pytest.mark.requirement("S1-59", "S1-61", "S1-62")
def test_a_saved_filter_is_loaded_and_in_the_file_after_it_is_saved(isthmus: Run, file: Path) -> None:
    before = file.read_text("utf-8")
    tried = isthmus("step", "filter", "load", "accounts", "big", "--dry-run")
    assert tried.status == 0, tried.err
    assert file.read_text("utf-8") == before
    done = isthmus("step", "filter", "load", "accounts", "big")
    assert done.status == 0, done.err
    assert "isthmus config reload" in done.err
    loaded = step(file).push.filter
    assert loaded is not None
    assert loaded.saved == "big"
    shown = json.loads(isthmus("step", "filter", "show", "accounts", "--json").out)
    assert shown == {
        "step": "accounts",
        "pull": None,
        "push": {"saved": "big"},
        "saved": ["all", "with_email", "recently_changed", "big"],
    }


@pytest.mark.requirement("S1-55", "S1-63")
def test_rules_are_set_side_by_side_and_cleared_without_a_trace(isthmus: Run, file: Path) -> None:
    before = file.read_text("utf-8")
    rules = ("--rule", "Name starts_with A B", "--rule", "Type in Prospect, Direct")
    done = isthmus("step", "filter", "set", "accounts", "--side", "pull", *rules)
    assert done.status == 0, done.err
    written = step(file).pull.filter
    assert written is not None
    assert [(rule.field, rule.operator.value, rule.value) for rule in written.rules] == [
        ("Name", "starts_with", ("A B",)),
        ("Type", "in", ("Prospect", "Direct")),
    ]
    assert (
        isthmus("step", "filter", "set", "accounts", "--side", "pull", "--soql", "Name != null").status == 0
    )
    again = step(file).pull.filter
    assert again is not None
    assert (again.soql, again.rules) == ("Name != null", ())
    assert isthmus("step", "filter", "clear", "accounts", "--side", "pull").status == 0
    assert file.read_text("utf-8") == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "accounts", "--side", "out", "--sql", "a = 1"), "a step has two sides"),
        (("set", "accounts", "--side", "push"), "0 were given"),
        (("set", "accounts", "--side", "push", "--sql", "a = 1", "--view", "v"), "2 were given"),
        (("set", "accounts", "--side", "pull", "--rule", "Name equals"), "a rule is a field"),
        (("set", "accounts", "--side", "pull", "--sql", "a = 1"), "sql cannot judge"),
        (("load", "accounts", "nobody"), "there is no saved filter nobody"),
        (("show", "nobody"), "there is no step nobody"),
        (("clear", "nobody", "--side", "push"), "there is no step nobody"),
    ],
)
def test_what_is_refused_leaves_the_file_as_it_is(
    isthmus: Run, file: Path, arguments: tuple[str, ...], said: str
) -> None:
    before = file.read_text("utf-8")
    done = isthmus("step", "filter", *arguments)
    assert done.status != 0
    assert said in done.err
    assert file.read_text("utf-8") == before


FAMILY = """\
  - name: them
    destinations: [ { object: Contact, when: "phone = 'yes'" }, { object: Lead, otherwise: true } ]
    postgres: { table: crm.people }
    direction: push
    fields: [ { salesforce: LastName, postgres: last_name }, { salesforce: Company, postgres: company, only: Lead } ]
"""


def test_a_step_with_two_destinations_has_one_filter_under_its_own_name(isthmus: Run, tmp_path: Path) -> None:
    file = tmp_path / "isthmus.yaml"
    file.write_text(TEXT[: TEXT.index("steps:")] + "steps:\n" + FAMILY, encoding="utf-8")
    done = isthmus("step", "filter", "set", "them", "--side", "push", "--sql", "id > 7")
    assert done.status == 0, done.err
    assert [(each.name, each.push.filter and each.push.filter.sql) for each in load([file], {}).steps] == [
        ("them_contact", "id > 7"),
        ("them_lead", "id > 7"),
    ]
    shown = json.loads(isthmus("step", "filter", "show", "them", "--json").out)
    assert (shown["step"], shown["push"]) == ("them", {"sql": "id > 7"})
    turned = isthmus("step", "set", "them", "enabled=false", "batch_size=7")
    assert turned.status == 0, turned.err
    assert "them is saved and does not run (it is disabled)" in turned.err
    assert {(each.enabled, each.batch_size) for each in load([file], {}).steps} == {(False, 7)}
    both = isthmus("step", "set", "them", "enabled=true", "direction=two_way")
    assert both.status == 0, both.err
    pulled = isthmus("step", "filter", "set", "them", "--side", "pull", "--soql", "LastName != 'x'")
    assert pulled.status == 0, pulled.err
    assert len(load([file], {}).steps) == 2
    assert isthmus("step", "remove", "them", "--yes").status != 0, "the last step stays"
