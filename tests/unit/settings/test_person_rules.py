"""A step that brings people in is saved with its three mandatory pairs, or not at all."""

from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.settings.draft import Draft
from daemon.settings.editing import edit
from daemon.settings.errors import SettingsError
from tests.unit.settings.sample import TEXT, refused

FIRST, LAST, EMAIL = ("FirstName", "first_name"), ("LastName", "last_name"), ("Email", "email")
SAMPLE = TEXT.replace("crm.people", "crm.contacts")


def people(made: str, *pairs: tuple[str, str], **changes: object) -> dict[str, object]:
    fields = [{"salesforce": field, "postgres": column} for field, column in pairs]
    table = {"table": "crm.people", "key": "id"}
    step = {"name": "new", "salesforce": {"object": made}, "postgres": table, "direction": "pull"}
    return {**step, "fields": fields, **changes}


def adding(step: dict[str, object]) -> Callable[[Draft], None]:
    return lambda draft: draft.append(("steps",), step)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "isthmus.yaml"
    path.write_text(SAMPLE, encoding="utf-8")
    return path


@pytest.mark.requirement("S1-51", "S1-52", "S1-53")
@pytest.mark.parametrize("made", ["Contact", "Lead"])
@pytest.mark.parametrize(
    ("left", "missing", "column"),
    [
        ((LAST, EMAIL), *FIRST),
        ((FIRST, LAST), *EMAIL),
        ((FIRST, EMAIL), *LAST),
    ],
)
def test_a_step_that_brings_people_in_is_not_saved_without(
    file: Path, made: str, left: tuple[tuple[str, str], ...], missing: str, column: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        edit([file], adding(people(made, *left)), {})
    [problem] = caught.value.problems
    assert (problem.path, missing in problem.what) == ("steps[new].fields", True)
    assert problem.fix == f"add {{ salesforce: {missing}, postgres: {column} }}"
    assert file.read_text(encoding="utf-8") == SAMPLE


@pytest.mark.parametrize("made", ["Contact", "Lead"])
def test_with_the_three_pairs_it_is_saved(file: Path, made: str) -> None:
    edit([file], adding(people(made, FIRST, LAST, EMAIL)), {}).save()
    assert "name: new" in file.read_text(encoding="utf-8")


def test_a_pair_that_translates_a_name_is_no_pair_of_texts(file: Path) -> None:
    step = people("Contact", FIRST, LAST)
    fields = step["fields"]
    assert isinstance(fields, list)
    fields.append({"salesforce": "Email", "postgres": "email", "values": {"map": {"a": "b"}}})
    with pytest.raises(SettingsError, match=r"(?s).*") as caught:
        edit([file], adding(step), {})
    assert "Email goes as it is" in caught.value.problems[0].what


@pytest.mark.parametrize(
    "step",
    [
        people("Contact"),
        people("Contact", LAST, enabled=False),
        people("Contact", LAST, direction="push"),
        people("Contact", LAST, postgres={"table": "crm.subscribers", "key": "id"}),
        people("Campaign", ("Name", "last_name")),
    ],
    ids=["without mappings", "disabled", "pushed", "another table", "another object"],
)
def test_other_steps_need_none_of_them(file: Path, step: dict[str, object]) -> None:
    assert edit([file], adding(step), {}).settings.steps[-1].name == "new"


def test_a_step_that_was_saved_before_hinders_no_other_edit(file: Path) -> None:
    file.write_text(
        TEXT.replace(
            "two_way\n    identify:\n      - external_id: { salesforce: Person",
            "pull\n    identify:\n      - external_id: { salesforce: Person",
        ),
        encoding="utf-8",
    )
    assert (
        edit([file], lambda draft: draft.set(("log", "level"), "debug"), {}).settings.steps[1].direction
        == "pull"
    )
    with pytest.raises(SettingsError):
        edit([file], lambda draft: draft.set(("steps", 1, "on_delete"), "keep"), {})


@pytest.mark.requirement("S1-46")
def test_a_kind_of_step_that_there_is_not_is_refused_with_the_list() -> None:
    [line] = refused(
        ("object: Contact }", "object: OpportunityContactRole }"),
        ("      - { salesforce: AccountId, postgres: company_id, lookup: { step: accounts } }\n", ""),
    )
    assert "there is no two_way step of OpportunityContactRole" in line
    assert "OpportunityContactRole with a table (pull, push)" in line
    assert "any other object with a table (pull, push, two_way)" in line


@pytest.mark.requirement("S1-46")
@pytest.mark.parametrize("direction", ["pull", "two_way"])
def test_an_object_without_change_events_is_not_pulled(direction: str) -> None:
    [line] = refused(
        ("object: Contact }", "object: EmailMessageRelation }"),
        (
            "two_way\n    identify:\n      - external_id: { salesforce: Person",
            f"{direction}\n    identify:\n      - external_id: {{ salesforce: Person",
        ),
        ("      - { salesforce: AccountId, postgres: company_id, lookup: { step: accounts } }\n", ""),
    )
    said = (
        f"there is no {direction} step of EmailMessageRelation, for Salesforce sends no change events of it"
    )
    assert said in line
    assert "EmailMessageRelation with a table (push)" in line
    assert "any other object with a table (pull, push, two_way)" in line
