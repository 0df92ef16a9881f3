"""What a comparison finds about one pair, and what explains it."""

from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.change import ChangeState
from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.link import UNKNOWN_OUTCOME, Link, LinkState
from daemon.domain.mapping import Step
from daemon.domain.policy import Behaviour, Policy
from daemon.domain.side import Direction
from daemon.domain.view import Presence, View
from daemon.reconcile.compare import Finding, Kind, Why, weigh
from tests.support.road_steps import COMPANIES, all_by, policy, with_field

AGREED = {"Name": "Acme", "Phone": "1", "Website": "acme.example", "NumberOfEmployees": "7"}
LINK = Link(1, "companies", "Account", "001000000000001AAA", "app.company", "1", base=AGREED)
GONE = View(Presence.GONE)


def view(**changes: Any) -> View:
    return View(Presence.PRESENT, {**AGREED, **changes})


def weighed(
    theirs: View,
    ours: View,
    step: Step = COMPANIES,
    link: Link = LINK,
    waiting: frozenset[ChangeState] = frozenset(),
    disputed: Any = None,
) -> Finding | None:
    return weigh(step, link, theirs, ours, waiting=waiting, disputed=disputed or {})


def test_a_pair_as_agreed_is_no_finding() -> None:
    assert weighed(view(), view()) is None


@pytest.mark.parametrize(("theirs", "ours"), [(view(Phone="2"), view()), (view(), view(Phone="2"))])
def test_one_side_that_left_the_base_is_a_difference(theirs: View, ours: View) -> None:
    found = weighed(theirs, ours)
    assert found is not None
    assert (found.kind, found.why) == (Kind.DIFFERING, None)
    [field] = found.fields
    assert (field.field, field.base) == ("Phone", "1")
    assert (field.salesforce, field.postgres) == (theirs.values["Phone"], ours.values["Phone"])


def test_halves_that_agree_on_something_else_than_the_base_do_not_differ() -> None:
    assert weighed(view(Phone="2"), view(Phone="2")) == Finding(Kind.AGREED)


def test_a_field_that_was_never_agreed_on_is_agreed_on_now() -> None:
    unknown = replace(LINK, base={name: value for name, value in AGREED.items() if name != "Phone"})
    assert weighed(view(), view(), link=unknown) == Finding(Kind.AGREED)


@pytest.mark.parametrize(
    ("theirs", "ours", "kind"),
    [
        (view(), GONE, Kind.ONLY_SALESFORCE),
        (GONE, view(), Kind.ONLY_POSTGRES),
        (GONE, GONE, Kind.AGREED),
    ],
)
def test_a_half_that_is_gone(theirs: View, ours: View, kind: Kind) -> None:
    assert weighed(theirs, ours) == Finding(kind)


@pytest.mark.parametrize(
    ("states", "why"),
    [
        ({ChangeState.PENDING}, Why.WAITING),
        ({ChangeState.HELD}, Why.WAITING),
        ({ChangeState.PARKED}, Why.PARKED),
        ({ChangeState.PARKED, ChangeState.SENT}, Why.WAITING),
    ],
)
@pytest.mark.parametrize("ours", [view(Phone="2"), GONE])
def test_what_is_stored_of_a_pair_explains_it(states: set[ChangeState], why: Why, ours: View) -> None:
    found = weighed(view(), ours, waiting=frozenset(states))
    assert found is not None
    assert found.why is why


def test_a_write_in_doubt_explains_a_difference() -> None:
    found = weighed(view(Phone="2"), view(), link=replace(LINK, own=UNKNOWN_OUTCOME))
    assert found is not None
    assert found.why is Why.WAITING


def test_a_conflict_is_explained_once_it_stands_in_the_ledger_with_these_values() -> None:
    manual = all_by(COMPANIES, policy(Policy.MANUAL))
    theirs, ours = view(Phone="2"), view(Phone="3")
    for disputed, why in (({}, None), ({"Phone": ("2", "3")}, Why.CONFLICT), ({"Phone": ("9", "3")}, None)):
        found = weighed(theirs, ours, manual, disputed=disputed)
        assert found is not None
        assert (found.kind, found.why) == (Kind.DIFFERING, why)


def test_an_edit_against_the_direction_is_explained_once_it_was_noted() -> None:
    pulled = with_field(COMPANIES, "Phone", direction=Direction.PULL)
    for disputed, why in (({}, None), ({"Phone": ("1", "2")}, Why.ONE_WAY)):
        found = weighed(view(), view(Phone="2"), pulled, disputed=disputed)
        assert found is not None
        assert found.why is why


def test_what_a_behaviour_leaves_alone_is_explained() -> None:
    create_only = replace(COMPANIES, pull=Behaviour.CREATE_ONLY)
    found = weighed(view(Phone="2"), view(), create_only)
    assert found is not None
    assert found.why is Why.LEFT_ALONE


def test_a_value_that_cannot_be_read_is_a_difference_though_nothing_can_be_compared() -> None:
    failure = Failure(FailureKind.REJECTED, Reason.MAPPING, "unreadable", "no", "mend it")
    values = {name: value for name, value in AGREED.items() if name != "NumberOfEmployees"}
    ours = View(Presence.PRESENT, values, failures={"NumberOfEmployees": failure})
    found = weighed(view(), ours)
    assert found is not None
    assert (found.kind, found.fields, found.why) == (Kind.DIFFERING, (), None)


def test_a_broken_link_with_one_half_left_is_told_and_left_alone() -> None:
    broken = replace(LINK, state=LinkState.BROKEN)
    assert weighed(view(), GONE, link=broken) == Finding(Kind.BROKEN, why=Why.LEFT_ALONE)
    assert weighed(GONE, GONE, link=broken) is None
