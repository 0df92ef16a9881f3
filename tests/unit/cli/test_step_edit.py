"""`step add|clone|set|remove` as edits of the file, and `step list|show`."""

import json
from pathlib import Path

import pytest

from daemon.settings.load import load
from tests.unit.cli.conftest import Run
from tests.unit.settings.sample import TEXT

ADD = (
    "step",
    "add",
    "leads",
    "--object",
    "Lead",
    "--table",
    "crm.leads",
    "--key",
    "id",
    "--direction",
    "pull",
)


@pytest.fixture
def file(isthmus: Run, tmp_path: Path) -> Path:
    path = tmp_path / "isthmus.yaml"
    path.write_text(TEXT + "# the end\n", encoding="utf-8")
    return path


def step(file: Path, name: str) -> dict[str, object]:
    found = next(each for each in load([file], {}).steps if each.name == name)
    return found.model_dump(mode="json")


@pytest.mark.requirement("S1-32", "S1-48")
def test_a_step_is_added_with_one_command_and_says_that_it_does_not_run_yet(isthmus: Run, file: Path) -> None:
    done = isthmus(*ADD)
    assert done.status == 0, done.err
    assert "leads is saved and does not run (it has no mappings yet)" in done.err
    assert "isthmus config reload" in done.err
    listed = json.loads(isthmus("step", "list", "--json").out)["items"]
    assert listed[-1]["name"] == "leads"
    assert listed[-1]["runs"] == "no: it has no mappings yet"
    assert (
        isthmus("step", "set", "leads", "--field", "Company=company", "--field", "LastName=last:pull").status
        == 0
    )
    assert json.loads(isthmus("step", "show", "leads", "--json").out)["runs"] == "yes"
    text = file.read_text("utf-8")
    assert "      - { salesforce: LastName, postgres: last, direction: pull }\n" in text
    assert text.startswith(TEXT)
    assert text.endswith("# the end\n")


@pytest.mark.requirement("S1-50")
def test_a_dry_run_shows_the_difference_and_saves_nothing(isthmus: Run, file: Path) -> None:
    before = file.read_bytes()
    done = isthmus("step", "set", "accounts", "direction=pull", "--dry-run")
    assert "+    direction: pull\n" in done.out
    assert (done.status, file.read_bytes()) == (0, before)


KEPT = {
    "pull": '{ filter: { soql: "LastName != null" } }',
    "push": "{ behaviour: update_or_create, filter: { sql: \"last_name <> ''\" } }",
    "actions": "[ { name: enrol, do: { function: crm.enrol } } ]",
}
"""What a step may have beside its mappings."""


@pytest.mark.requirement("S1-64")
def test_a_clone_keeps_filters_direction_and_actions(isthmus: Run, file: Path) -> None:
    settings = [f"{key}={value}" for key, value in KEPT.items()]
    assert isthmus("step", "set", "people", *settings).status == 0
    original = step(file, "people")
    assert isthmus("step", "clone", "people", "leads", "--object", "Lead", "--table", "crm.leads").status == 0
    clone = step(file, "leads")
    for key in (*KEPT, "direction", "fields", "identify"):
        assert clone[key] == original[key], key
    for key in KEPT:
        assert clone[key], key
    unset = [part for key in KEPT for part in ("--unset", key)]
    assert isthmus("step", "set", "leads", *unset).status == 0
    assert step(file, "people") == original
    assert step(file, "leads")["actions"] != original["actions"]


@pytest.mark.requirement("S1-64")
def test_a_clone_has_what_the_original_has_and_goes_its_own_way(isthmus: Run, file: Path) -> None:
    assert isthmus("step", "clone", "people", "leads", "--object", "Lead", "--table", "crm.leads").status == 0
    original, clone = step(file, "people"), step(file, "leads")
    different = {"name": "leads", "salesforce": {"object": "Lead"}}
    assert {**original, **different, "postgres": clone["postgres"]} == clone
    assert isthmus("step", "set", "leads", "--no-field", "AccountId", "direction=pull").status == 0
    assert step(file, "people") == original
    assert len(step(file, "leads")["fields"]) == 2  # type: ignore[arg-type]
    twin = isthmus("step", "clone", "people", "twin")
    assert "twin is saved and does not run (it is disabled)" in twin.err


SEVERAL = (
    TEXT[: TEXT.index("steps:")]
    + """\
steps:
  - name: them
    destinations: [ { object: Contact, when: "plan <> 'trial'" }, { object: Lead, otherwise: true } ]
    postgres: { table: crm.them }
    direction: push
    push: { behaviour: update_or_create }
    identify: [ { external_id: { salesforce: Key__c, postgres: key } } ]
    fields:
      - { salesforce: LastName, postgres: last_name }
      - { salesforce: Company, postgres: company, only: Lead }
  - name: companies_in
    salesforce: { object: Account }
    postgres: { table: crm.companies }
    direction: pull
    fields: [ { salesforce: Name, postgres: name } ]
  - name: companies_out
    salesforce: { object: Account }
    postgres: { table: crm.companies }
    direction: push
    fields: [ { salesforce: Phone, postgres: phone } ]
  - name: offices
    salesforce: { object: Account }
    postgres: { table: crm.offices }
    direction: push
    fields: [ { salesforce: Phone, postgres: phone } ]
"""
)


def test_a_step_is_shown_with_all_that_runs_under_its_name(isthmus: Run, file: Path) -> None:
    file.write_text(SEVERAL, encoding="utf-8")
    both = json.loads(isthmus("step", "show", "them", "--json").out)["items"]
    assert [(each["name"], len(each["fields"])) for each in both] == [("them_contact", 1), ("them_lead", 2)]
    one = json.loads(isthmus("step", "show", "them_lead", "--json").out)
    assert one == both[1]
    refused = isthmus("step", "show", "nobody")
    assert (refused.status, "the steps are: them_contact, them_lead, companies_in" in refused.err) == (
        4,
        True,
    )


def test_each_of_two_steps_that_share_their_links_is_shown_with_the_other_one_s_name(
    isthmus: Run, file: Path
) -> None:
    file.write_text(SEVERAL, encoding="utf-8")
    shown = {
        name: json.loads(isthmus("step", "show", name, "--json").out)
        for name in ("companies_in", "companies_out", "offices", "them_lead")
    }
    assert [shown[name]["shares_links_with"] for name in ("companies_in", "companies_out")] == [
        "companies_out",
        "companies_in",
    ]
    assert shown["companies_in"]["fields"] != shown["companies_out"]["fields"]
    assert not any("shares_links_with" in shown[name] for name in ("offices", "them_lead"))


def test_a_removed_step_is_gone_and_the_others_keep_every_byte(isthmus: Run, file: Path) -> None:
    before = file.read_text("utf-8")
    assert isthmus("step", "remove", "people").status == 5, "it is to be confirmed"
    assert file.read_text("utf-8") == before
    assert isthmus("step", "remove", "people", "--yes").status == 0
    assert file.read_text("utf-8") == before[: before.index("  - name: people")] + "# the end\n"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("set", "accounts", "direction=sideways"), 78, "allowed are: pull, push, two_way"),
        (("remove", "accounts", "--yes"), 78, "there is no step accounts"),
        (
            ("add", "people", "--object", "Lead", "--table", "crm.leads", "--direction", "pull"),
            78,
            "is there twice",
        ),
        (("set", "nobody", "direction=pull"), 4, "there is no step nobody"),
        (("set", "accounts"), 2, "nothing was named to set"),
        (("set", "accounts", "--field", "Phone"), 2, "it is SF=COLUMN[:DIRECTION]"),
        (("set", "accounts", "--no-field", "Fax"), 4, "Fax is not mapped"),
        (("set", "accounts", "colour=red"), 78, "is no key here"),
    ],
)
def test_a_refused_edit_leaves_every_byte(
    isthmus: Run, file: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    before = file.read_bytes()
    done = isthmus("step", *arguments)
    assert (done.status, file.read_bytes()) == (status, before), done.err
    assert said in done.err


def test_a_file_that_may_not_be_replaced_is_said_in_three_lines(
    isthmus: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    done = isthmus("step", "set", "accounts", "direction=pull")
    assert (done.status, done.three) == (5, ["isthmus", "why", "do"])
    assert file.read_text("utf-8") == TEXT + "# the end\n"
