"""The table of objects, behaviours and identifiers."""

from pathlib import Path

import pytest

from daemon.domain.mapping import IdentifyKind
from daemon.domain.matrix import NARROWED, push_identifiers, required_fields, table
from daemon.domain.policy import Behaviour

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", ["Account", "Contact", "Lead", "Task", "Ticket__c"])
def test_every_other_object_takes_every_behaviour(name: str) -> None:
    assert set(push_identifiers(name)) == set(Behaviour)
    assert required_fields(name) == ()


@pytest.mark.requirement("S4-54", "S4-55", "S4-58")
@pytest.mark.parametrize("name", ["OpportunityContactRole", "EmailMessageRelation", "opportunitycontactrole"])
def test_relations_are_only_added_and_not_by_an_external_id(name: str) -> None:
    assert push_identifiers(name) == {Behaviour.ADD: (IdentifyKind.FIELD,)}
    assert len(required_fields(name)) == 2


def test_the_table_has_a_line_for_each_combination() -> None:
    lines = table()
    assert len(lines) == len(set(lines)) == len(Behaviour) + len(NARROWED)
    assert ("OpportunityContactRole", "add", "field") in lines


def test_what_each_behaviour_does() -> None:
    assert [b for b in Behaviour if b.updates] == [
        Behaviour.UPDATE_OR_CREATE,
        Behaviour.UPDATE_ONLY,
        Behaviour.MIRROR,
    ]
    assert [b for b in Behaviour if not b.creates] == [Behaviour.UPDATE_ONLY, Behaviour.DELETE]
    assert [b for b in Behaviour if b.follows_deletes] == [
        Behaviour.UPDATE_OR_CREATE,
        Behaviour.CREATE_ONLY,
        Behaviour.MIRROR,
    ]


def test_the_page_of_settings_shows_the_table() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    lines = table()
    assert lines
    for name, behaviour, kinds in lines:
        shown = name if name.startswith("every") else f"`{name}`"
        listed = ", ".join(f"`{kind}`" for kind in kinds.split(", "))
        assert f"| {shown} | `{behaviour}` | {listed} |\n" in page
