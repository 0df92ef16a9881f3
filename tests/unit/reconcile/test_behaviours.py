"""What mirror, delete and add make of a pair."""

from dataclasses import replace

import pytest

from daemon.domain.canonical import from_salesforce
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Field, Kind, ParentKey, Step, Steps, Table
from daemon.domain.plan import LinkAction, Operation, Outcome, Plan
from daemon.domain.policy import Behaviour, OnDelete
from daemon.domain.side import Direction, Side
from daemon.domain.view import MISSING, Presence, View
from daemon.reconcile.decide import decide

TABLE = Table("app", "role", ("id",), {"id": "bigint", "role": "text"})
SF_ID = "00K000000000001AAA"
HERE = View(Presence.PRESENT, {"Role": "Buyer"})
GONE = View(Presence.GONE, {})
LINK = Link(1, "roles", "Role__c", SF_ID, "app.role", "1", base={"Role": "Buyer"})


def step(behaviour: Behaviour, direction: Direction = Direction.PUSH) -> Step:
    role = Field("Role", "role", Kind.TEXT, direction)
    return Step("roles", "Role__c", TABLE, direction, (role,), pull=behaviour, push=behaviour)


MIRROR = step(Behaviour.MIRROR)
MIRRORED = step(Behaviour.MIRROR, Direction.PULL)
DELETE = step(Behaviour.DELETE)
ADD = step(Behaviour.ADD)


def deleted(plan: Plan, side: Side) -> bool:
    write = plan.salesforce if side is Side.SALESFORCE else plan.postgres
    return write is not None and write.operation is Operation.DELETE


@pytest.mark.requirement("S4-44")
def test_a_mirror_deletes_what_its_source_has_no_more() -> None:
    assert deleted(decide(MIRROR, LINK, HERE, GONE), Side.SALESFORCE)
    assert deleted(decide(MIRRORED, LINK, GONE, HERE), Side.POSTGRES)


@pytest.mark.requirement("S4-44")
def test_a_mirror_deletes_what_left_its_filter() -> None:
    outside = replace(HERE, outside=True)
    pushed, pulled = decide(MIRROR, LINK, HERE, outside), decide(MIRRORED, LINK, outside, HERE)
    assert deleted(pushed, Side.SALESFORCE)
    assert deleted(pulled, Side.POSTGRES)
    assert pushed.link.state is pulled.link.state is LinkState.TOMBSTONE
    assert not decide(MIRROR, None, HERE, outside).salesforce
    assert not decide(MIRROR, replace(LINK, state=LinkState.BROKEN), HERE, outside).salesforce
    update = step(Behaviour.UPDATE_OR_CREATE)
    assert not deleted(decide(update, LINK, HERE, outside), Side.SALESFORCE)


def test_what_left_its_filter_is_not_made_again_by_the_mirror() -> None:
    plan = decide(MIRROR, LINK, GONE, replace(HERE, outside=True))
    assert (plan.salesforce, plan.link.state) == (None, LinkState.TOMBSTONE)
    parted = replace(LINK, state=LinkState.TOMBSTONE)
    assert decide(MIRROR, parted, GONE, replace(HERE, outside=True)).salesforce is None
    back = decide(MIRROR, parted, GONE, HERE)
    assert back.salesforce is not None
    assert back.salesforce.operation is Operation.CREATE


@pytest.mark.requirement("S4-44")
def test_a_mirror_makes_again_what_was_deleted_at_its_target() -> None:
    again = decide(MIRROR, LINK, GONE, HERE)
    assert again.salesforce is not None
    assert again.salesforce.operation is Operation.CREATE
    row = decide(MIRRORED, LINK, HERE, GONE)
    assert row.postgres is not None
    assert (row.postgres.operation, row.link.action, row.link.key) == (
        Operation.CREATE,
        LinkAction.REVIVE,
        "1",
    )


@pytest.mark.requirement("S4-45")
def test_a_row_of_a_delete_step_deletes_the_record_that_it_names_and_does_nothing_else() -> None:
    assert deleted(decide(DELETE, None, HERE, HERE), Side.SALESFORCE)
    assert decide(DELETE, None, HERE, HERE).link.action is LinkAction.KEEP
    nothing = decide(DELETE, None, MISSING, HERE)
    assert (nothing.outcome, nothing.held[Side.SALESFORCE].code) == (Outcome.SKIP, "nothing_to_delete")
    assert decide(DELETE, None, GONE, HERE) == Plan()
    assert decide(DELETE, None, HERE, GONE) == Plan()
    kept = decide(DELETE, None, HERE, replace(HERE, outside=True))
    assert (kept.salesforce, kept.held[Side.SALESFORCE].code) == (None, "outside_filter")


@pytest.mark.requirement("S4-65")
def test_what_was_added_is_neither_changed_nor_removed() -> None:
    edited = replace(HERE, values={"Role": "Other"})
    plan = decide(ADD, LINK, HERE, edited)
    assert (plan.salesforce, plan.held[Side.SALESFORCE].code) == (None, "added_once")
    plan = decide(ADD, LINK, HERE, GONE)
    assert (plan.salesforce, plan.link.state) == (None, LinkState.BROKEN)
    plan = decide(replace(ADD, on_delete=OnDelete.KEEP), LINK, GONE, HERE)
    assert (plan.salesforce, plan.postgres, plan.link.state) == (None, None, LinkState.BROKEN)


def test_a_value_that_salesforce_looks_up_is_sent_though_nobody_knows_what_the_record_holds() -> None:
    key = ParentKey("Account", "Account", "Key__c")
    field = Field("AccountId", "account", Kind.TEXT, Direction.PUSH, parent=key)
    found = replace(step(Behaviour.UPDATE_OR_CREATE), fields=(field,))
    ours = View(Presence.PRESENT, {"AccountId": "K1"})
    plan = decide(found, None, View(Presence.PRESENT, {}), ours)
    assert plan.salesforce is not None
    assert plan.salesforce.values == {"AccountId": "K1"}
    agreed = decide(found, replace(LINK, base={"AccountId": "K1"}), View(Presence.PRESENT, {}), ours)
    assert agreed.salesforce is None


def test_what_salesforce_holds_says_nothing_of_the_value_that_it_was_looked_up_by() -> None:
    field = Field(
        "AccountId", "account", Kind.TEXT, Direction.PUSH, parent=ParentKey("Account", "Account", "Key__c")
    )
    assert from_salesforce(field, "001000000000001AAA").absent


def test_what_only_deletes_hears_of_nothing_that_happens_in_salesforce() -> None:
    other = replace(MIRROR, name="other")
    assert Steps((DELETE, other)).by_object == {"Role__c": (other,)}
    assert Steps((DELETE,)).by_object == {}


def test_a_blocked_pair_is_left_alone_by_every_behaviour() -> None:
    for each in (MIRROR, DELETE, ADD):
        plan = decide(each, replace(LINK, state=LinkState.BLOCKED), HERE, HERE)
        assert (plan.salesforce, plan.held[Side.SALESFORCE].code) == (None, "blocked")


def test_what_was_added_for_a_row_that_is_gone_stays_as_it_is() -> None:
    plan = decide(ADD, replace(LINK, state=LinkState.BROKEN), HERE, GONE)
    assert (plan.salesforce, plan.postgres, plan.held[Side.SALESFORCE].code) == (None, None, "broken")


def test_a_row_whose_record_another_destination_makes_is_left_to_it_while_it_has_none() -> None:
    create, routed = step(Behaviour.UPDATE_OR_CREATE), replace(HERE, elsewhere=True)
    ended = replace(LINK, state=LinkState.TOMBSTONE)
    for link in (None, ended):
        plan = decide(create, link, MISSING, routed)
        assert (plan.salesforce, plan.held[Side.SALESFORCE].code) == (None, "other_destination")
        assert decide(create, link, MISSING, HERE).salesforce is not None
    mirrored = decide(MIRROR, LINK, GONE, routed)
    assert mirrored.salesforce is not None, "a row that is paired belongs to the step that paired it"
