"""The built-in profile: fixed as a whole, and every refusal says how to own it."""

import pytest

from daemon.settings.errors import SettingsError
from daemon.settings.load import loads
from daemon.settings.profile import custom_text, starting_text, table_statements
from tests.unit.settings.sample import TEXT

HEAD = TEXT.partition("defaults:")[0]
PROFILE = HEAD.replace("name: acme-prod\n", "name: acme-prod\nprofile: default\n")
STEP = """\
steps:
  - name: leads
"""


def refused(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        loads(PROFILE + text, {})
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.requirement("S1-06", "S1-07")
def test_the_profile_needs_nothing_but_both_sides() -> None:
    settings = loads(PROFILE, {})
    assert settings.profile == "default"
    assert [step.name for step in settings.steps] == [
        "contacts",
        "leads",
        "sequence_status",
        "inbox_state",
        "emails",
        "tasks",
        "calls",
    ]
    assert all(step.runs for step in settings.steps)
    assert loads(TEXT, {}).profile == "custom"


@pytest.mark.requirement("S1-06")
def test_there_are_two_profiles() -> None:
    with pytest.raises(SettingsError) as caught:
        loads(TEXT.replace("name: acme-prod\n", "name: acme-prod\nprofile: mine\n"), {})
    assert "allowed are: default, custom" in str(caught.value.problems[0])


REFUSED = [
    pytest.param(
        "    enabled: false\n", "turned on or off", marks=pytest.mark.requirement("S1-08"), id="disable"
    ),
    pytest.param(
        "    salesforce: { object: Lead }\n".replace("    ", "  - name: leads_again\n    "),
        "added or duplicated",
        marks=pytest.mark.requirement("S1-09"),
        id="duplicate",
    ),
    pytest.param("", "none can be deleted", marks=pytest.mark.requirement("S1-10"), id="delete"),
    pytest.param(
        "    fields: [ { salesforce: LastName, postgres: surname } ]\n",
        "given other mappings",
        marks=pytest.mark.requirement("S1-11"),
        id="mappings",
    ),
    pytest.param(
        "    pull: { filter: { soql: \"Rating = 'Hot'\" } }\n",
        "be filtered",
        marks=pytest.mark.requirement("S1-12"),
        id="filter",
    ),
    pytest.param(
        "    direction: pull\n",
        "given another direction",
        marks=pytest.mark.requirement("S1-13"),
        id="direction",
    ),
]


@pytest.mark.requirement("S1-14")
@pytest.mark.parametrize(("written", "what"), REFUSED)
def test_nothing_of_it_can_be_changed_in_place(written: str, what: str) -> None:
    problems = [line for line in refused(STEP + written) if what in line]
    assert len(problems) == 1
    assert problems[0].startswith("isthmus.yaml:")
    assert "profile: custom" in problems[0]
    assert "isthmus init --from-default" in problems[0]


@pytest.mark.requirement("S1-10", "S1-14")
@pytest.mark.parametrize("section", ["steps: []", "defaults: { on_delete: propagate }", "filters: {}"])
def test_no_section_that_says_how_steps_work_may_stand_beside_it(section: str) -> None:
    [problem] = refused(section + "\n")
    assert section.partition(":")[0] in problem
    assert "profile: custom" in problem


@pytest.mark.requirement("S1-14")
def test_every_refusal_is_told_at_once_with_every_other_mistake() -> None:
    text = STEP + "    enabled: false\n    direction: pull\nhttp: { listen: nowhere }\n"
    problems = refused(text)
    assert sum("the default profile is fixed" in line for line in problems) == 2
    assert any("http.listen" in line for line in problems)


@pytest.mark.requirement("S1-15")
def test_its_steps_as_a_file_of_ones_own_come_to_the_same_and_may_be_edited() -> None:
    settings = loads(HEAD + custom_text(), {})
    assert settings.profile == "custom"
    assert settings.steps == loads(PROFILE, {}).steps
    edited = loads(HEAD + custom_text().replace("Company, postgres: account", "Company, postgres: firm"), {})
    assert edited.steps != settings.steps


def test_a_beginning_can_be_read_and_the_tables_are_whole_statements() -> None:
    assert loads(starting_text(), {}).profile == "default"
    assert all("CREATE" in statement for statement in table_statements())
    assert sum("CREATE TABLE" in statement for statement in table_statements()) == 6
