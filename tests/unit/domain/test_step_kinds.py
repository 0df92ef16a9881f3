"""Which steps there can be."""

import pytest

from daemon.domain.matrix import has_external_ids
from daemon.domain.policy import Behaviour
from daemon.domain.side import Direction
from daemon.domain.step_kinds import ANY_OTHER, TableKind, behaviours, listed_kinds, step_kinds


def test_every_object_goes_every_way_with_a_table_and_only_in_with_a_view() -> None:
    kinds = {(kind.table, kind.direction) for kind in step_kinds() if kind.object == ANY_OTHER}
    assert kinds == {
        (TableKind.TABLE, Direction.PULL),
        (TableKind.TABLE, Direction.PUSH),
        (TableKind.TABLE, Direction.TWO_WAY),
        (TableKind.VIEW, Direction.PULL),
    }


@pytest.mark.requirement("S4-58")
@pytest.mark.parametrize("name", ["OpportunityContactRole", "emailmessagerelation"])
def test_a_relation_is_added_and_never_upserted(name: str) -> None:
    assert behaviours(name, TableKind.TABLE, Direction.PUSH) == (Behaviour.ADD,)
    assert behaviours(name, TableKind.TABLE, Direction.TWO_WAY) == ()
    assert not has_external_ids(name)
    offered = [
        kind for kind in step_kinds() if kind.object.casefold() == name.casefold() and kind.direction.pushes
    ]
    assert [kind.behaviours for kind in offered] == [(Behaviour.ADD,)]


@pytest.mark.requirement("S1-46")
@pytest.mark.parametrize("table", TableKind)
@pytest.mark.parametrize("direction", [Direction.PULL, Direction.TWO_WAY])
def test_what_has_no_change_events_is_not_pulled(table: TableKind, direction: Direction) -> None:
    assert behaviours("EmailMessageRelation", table, direction) == ()
    assert Behaviour.MIRROR in behaviours("OpportunityContactRole", table, Direction.PULL)
    assert "EmailMessageRelation with a table (push)" in listed_kinds()
    assert "EmailMessageRelation with a view" not in listed_kinds()


def test_two_ways_do_nothing_that_needs_one_side_to_decide() -> None:
    both = set(behaviours("Account", TableKind.TABLE, Direction.TWO_WAY))
    assert both == {Behaviour.UPDATE_OR_CREATE, Behaviour.UPDATE_ONLY, Behaviour.CREATE_ONLY}


def test_the_list_names_every_kind_once() -> None:
    told = listed_kinds()
    assert "any other object with a table (pull, push, two_way)" in told
    assert "any other object with a view (pull)" in told
    assert "OpportunityContactRole with a table (pull, push)" in told
