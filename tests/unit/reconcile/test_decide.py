"""Decisions by example: the rules of a pair, of one half alone, of deletes and of moved identities."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.link import Link, LinkOrigin, LinkState
from daemon.domain.mapping import Field, Kind, Step, Table
from daemon.domain.plan import LedgerKind, LinkAction, LinkChange, Operation, Outcome, Plan, Rule, Write
from daemon.domain.policy import Behaviour, ConflictRule, ConvertedLead, DeleteConflict, OnDelete, Policy
from daemon.domain.side import Direction, Side
from daemon.domain.value import Value
from daemon.domain.view import MISSING, Presence, View
from daemon.reconcile.decide import decide
from daemon.reconcile.settle import with_constants

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)
GONE = View(Presence.GONE, {})
BROKEN_VALUE = Failure(FailureKind.REJECTED, Reason.MAPPING, "value_not_readable", "said", "do")


def field(
    name: str = "A", direction: Direction = Direction.TWO_WAY, policy: Policy = Policy.NEWEST, **more: object
) -> Field:
    return Field(name, name.lower(), Kind.TEXT, direction, ConflictRule(policy), **more)  # type: ignore[arg-type]


def step(*fields: Field, **more: object) -> Step:
    table = Table("public", "people", ("id",), {})
    return Step("s", "Contact", table, Direction.TWO_WAY, fields or (field("A"), field("B")), **more)  # type: ignore[arg-type]


def link(state: LinkState = LinkState.LINKED, **base: Value) -> Link:
    return Link(1, "s", "Contact", "003", "public.people", "1", state, base=base)


def view(when: datetime | None = None, **values: Value) -> View:
    return View(Presence.PRESENT, values, changed_at=when)


def update(**values: Value) -> Write:
    return Write(Operation.UPDATE, values)


def rules(plan: Plan) -> dict[str, Rule]:
    return {verdict.field: verdict.rule for verdict in plan.verdicts}


def test_rule_1_one_side_changed() -> None:
    plan = decide(step(), link(A="0", B="0"), view(A="1", B="0"), view(A="0", B="2"))
    assert (plan.postgres, plan.salesforce) == (update(A="1"), update(B="2"))
    assert plan.base == {"A": "1", "B": "0"}
    assert rules(plan) == {"A": Rule.ONLY_SALESFORCE, "B": Rule.ONLY_POSTGRES}


def test_rule_1_both_changed_alike_is_agreement() -> None:
    plan = decide(step(), link(A="0", B="0"), view(A="1", B="0"), view(A="1", B="0"))
    assert (plan.outcome, plan.base["A"], rules(plan)["A"]) == (Outcome.UNCHANGED, "1", Rule.AGREED)
    assert rules(plan)["B"] is Rule.SAME


@pytest.mark.parametrize(("ours", "side"), [(LATER, Side.POSTGRES), (NOON, Side.SALESFORCE)])
def test_rule_1_a_conflict_is_decided_and_its_loser_kept(ours: datetime, side: Side) -> None:
    plan = decide(step(field()), link(A="0"), view(NOON, A="1"), view(ours, A="2"))
    assert (plan.salesforce, plan.postgres) == (
        (update(A="2"), None) if side is Side.POSTGRES else (None, update(A="1"))
    )
    (entry,) = plan.ledger
    assert (entry.kind, entry.winner, entry.base, entry.salesforce, entry.postgres) == (
        LedgerKind.CONFLICT,
        side,
        "0",
        "1",
        "2",
    )
    assert plan.base == {"A": "1"}


def test_rule_1_a_group_moves_together() -> None:
    pair = step(field("A", group="g"), field("B", group="g"))
    plan = decide(pair, link(A="0", B="0"), view(NOON, A="1", B="0"), view(LATER, A="0", B="2"))
    assert plan.salesforce == update(A="0", B="2")
    assert {entry.field for entry in plan.ledger} == {"A", "B"}


def test_rule_2_manual_writes_nothing_and_stays_open() -> None:
    plan = decide(step(field(policy=Policy.MANUAL)), link(A="0"), view(NOON, A="1"), view(LATER, A="2"))
    assert (plan.outcome, plan.ledger[0].winner, plan.base.get("A", "0")) == (Outcome.UNCHANGED, None, "0")


@pytest.mark.parametrize("newest", Side)
def test_rule_2_the_newest_record_wins_whole(newest: Side) -> None:
    fields = (field("A", policy=Policy.RECORD_NEWEST), field("B", policy=Policy.RECORD_NEWEST), field("C"))
    times = (LATER, NOON) if newest is Side.SALESFORCE else (NOON, LATER)
    theirs, ours = view(times[0], A="1", B="0", C="0"), view(times[1], A="0", B="2", C="3")
    plan = decide(step(*fields), link(A="0", B="0", C="0"), theirs, ours)
    if newest is Side.SALESFORCE:
        assert (plan.postgres, plan.salesforce) == (update(A="1", B="0"), update(C="3"))
        assert [entry.field for entry in plan.ledger] == ["B"]
    else:
        assert (plan.postgres, plan.salesforce) == (None, update(A="0", B="2", C="3"))
        assert [entry.field for entry in plan.ledger] == ["A"]


def test_rule_2_record_newest_asks_only_where_both_changed() -> None:
    fields = (field("A", policy=Policy.RECORD_NEWEST), field("B", policy=Policy.RECORD_NEWEST))
    plan = decide(step(*fields), link(A="0", B="0"), view(A="1", B="0"), view(A="0", B="0"))
    assert (plan.postgres, plan.ledger) == (update(A="1"), ())


@pytest.mark.requirement("S3-26", "S3-27")
def test_rule_2_push_always_takes_only_what_is_newer() -> None:
    pushing = step(field(policy=Policy.PUSH_ALWAYS))
    newer = decide(pushing, link(A="0"), view(LATER, A="1"), view(NOON, A="0"))
    assert newer.postgres == update(A="1")
    older = decide(pushing, link(A="0"), view(NOON, A="1"), view(LATER, A="0"))
    assert (older.salesforce, older.postgres, older.ledger[0].kind) == (
        update(A="0"),
        None,
        LedgerKind.SUPERSEDED,
    )


def test_rule_3_a_change_without_a_known_time_is_a_tie() -> None:
    plan = decide(step(field()), link(A="0"), view(NOON, A="1"), view(None, A="2"))
    assert plan.postgres == update(A="1")


def test_rule_4_an_echo_changes_nothing() -> None:
    assert (
        decide(step(field()), link(A="1"), view(LATER, A="1"), view(NOON, A="1")).outcome is Outcome.UNCHANGED
    )


def test_rule_5_what_goes_to_salesforce_joins_the_base_only_when_it_is_confirmed() -> None:
    assert decide(step(field()), link(A="0"), view(A="0"), view(A="1")).base == {"A": "0"}


def test_rule_6_a_row_without_a_record_is_created() -> None:
    plan = decide(
        step(field("A"), field("B"), field("C", createable=False)), None, MISSING, view(A="1", B=None, C="2")
    )
    assert plan.salesforce == Write(Operation.CREATE, {"A": "1"})
    assert plan.link == LinkChange(LinkAction.CREATE, origin=LinkOrigin.CREATED)


def test_rule_7_a_found_pair_is_linked_on_an_empty_base() -> None:
    plan = decide(step(), None, view(A="1", B=None), view(A=None, B="2"), origin=LinkOrigin.FIELD)
    assert (plan.postgres, plan.salesforce, plan.link.origin) == (
        update(A="1"),
        update(B="2"),
        LinkOrigin.FIELD,
    )
    assert decide(step(), None, view(A="1"), view(A="1")).link.origin is LinkOrigin.OPERATOR


def test_rule_8_absent_is_not_null() -> None:
    assert decide(step(field()), link(A="1"), view(), view(A="1")).postgres is None
    assert decide(step(field()), link(A="1"), view(A=None), view(A="1")).postgres == update(A=None)
    assert rules(decide(step(field()), link(), view(), view(A="1"))) == {"A": Rule.UNKNOWN}


@pytest.mark.parametrize("side", Side)
def test_rule_9_a_delete_is_propagated_where_nothing_is_unsynced(side: Side) -> None:
    theirs, ours = (GONE, view(A="1")) if side is Side.SALESFORCE else (view(A="1"), GONE)
    plan = decide(step(field()), link(A="1"), theirs, ours)
    written = plan.postgres if side is Side.SALESFORCE else plan.salesforce
    assert written == Write(Operation.DELETE)
    assert plan.link == LinkChange(LinkAction.END, LinkState.TOMBSTONE)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("choice", DeleteConflict)
def test_rule_9_a_delete_against_an_edit(side: Side, choice: DeleteConflict) -> None:
    theirs, ours = (GONE, view(A="2")) if side is Side.SALESFORCE else (view(A="2"), GONE)
    plan = decide(step(field(), delete_conflict=choice), link(A="1"), theirs, ours)
    gone, kept = (
        (plan.salesforce, plan.postgres) if side is Side.SALESFORCE else (plan.postgres, plan.salesforce)
    )
    match choice:
        case DeleteConflict.PARK:
            assert (gone, kept, plan.held[side.other].outcome) == (None, None, Outcome.PARK)
        case DeleteConflict.DELETE_WINS:
            assert (gone, kept) == (None, Write(Operation.DELETE))
        case DeleteConflict.UPDATE_WINS:
            assert (gone, kept) == (Write(Operation.CREATE, {"A": "2"}), None)
            assert plan.link.action is (LinkAction.MOVE if side is Side.SALESFORCE else LinkAction.REVIVE)


@pytest.mark.parametrize("side", Side)
def test_rule_9_a_delete_that_is_kept_back_breaks_the_link(side: Side) -> None:
    theirs, ours = (GONE, view(A="1")) if side is Side.SALESFORCE else (view(A="1"), GONE)
    for kept in (
        step(field(), on_delete=OnDelete.KEEP),
        step(field(), pull=Behaviour.UPDATE_ONLY, push=Behaviour.UPDATE_ONLY),
    ):
        plan = decide(kept, link(A="1"), theirs, ours)
        assert plan.link == LinkChange(LinkAction.END, LinkState.BROKEN)
        assert plan.held[side.other].code == "kept"


def test_rule_9_both_gone_leave_a_tombstone() -> None:
    assert decide(step(), link(), GONE, GONE).link == LinkChange(LinkAction.END, LinkState.TOMBSTONE)
    assert decide(step(), link(LinkState.TOMBSTONE), GONE, GONE) == Plan()
    assert decide(step(), None, MISSING, MISSING) == Plan()


def test_rule_9_an_undeleted_record_gets_its_row_back() -> None:
    plan = decide(step(field()), link(LinkState.TOMBSTONE, A="1"), view(A="1"), GONE)
    assert plan.postgres == Write(Operation.CREATE, {"A": "1"})
    assert plan.link == LinkChange(LinkAction.REVIVE, LinkState.LINKED, LinkOrigin.UNDELETE, key="1")
    both = decide(step(field()), link(LinkState.BROKEN, A="1"), view(A="1"), view(A="1"))
    assert both.link.action is LinkAction.REVIVE


def test_rule_9_a_row_that_comes_back_over_a_tombstone_is_created_anew() -> None:
    plan = decide(step(field()), link(LinkState.TOMBSTONE, A="1"), GONE, view(A="1"))
    assert (plan.salesforce, plan.link.action) == (Write(Operation.CREATE, {"A": "1"}), LinkAction.MOVE)


def test_rule_9_a_kept_row_stays_alone() -> None:
    assert decide(step(), link(LinkState.BROKEN), GONE, view(A="1")).held[Side.SALESFORCE].code == "broken"


def test_rule_10_a_merged_record_s_link_follows_the_survivor() -> None:
    gone = replace(GONE, merged_into="winner")
    plan = decide(step(), link(A="1"), gone, view(A="1"))
    assert plan.link == LinkChange(LinkAction.MOVE, origin=LinkOrigin.MERGE, sf_id="winner")
    taken = decide(step(), link(A="1"), gone, view(A="1"), survivor_is_linked=True)
    assert (taken.link.state, taken.held[Side.SALESFORCE].code) == (LinkState.BROKEN, "merged")


@pytest.mark.parametrize(
    ("choice", "action", "code"),
    [
        (ConvertedLead.FOLLOW_CONTACT, LinkAction.MOVE, "converted_lead"),
        (ConvertedLead.FOLLOW_ACCOUNT, LinkAction.KEEP, "converted_lead"),
        (ConvertedLead.UNLINK, LinkAction.END, None),
        (ConvertedLead.PARK, LinkAction.KEEP, "converted_lead"),
        (ConvertedLead.IGNORE, LinkAction.KEEP, None),
    ],
)
def test_rule_10_a_converted_lead(choice: ConvertedLead, action: LinkAction, code: str | None) -> None:
    theirs = replace(view(A="1"), converted={"Contact": "003"})
    plan = decide(step(field(), converted_lead=choice), link(A="1"), theirs, view(A="1"))
    assert plan.link.action is action
    assert {hold.code for hold in plan.held.values()} == ({code} if code else set())
    if choice is not ConvertedLead.IGNORE:
        assert decide(step(field(), converted_lead=choice), None, theirs, MISSING).outcome is Outcome.SKIP


def test_rule_10_a_converted_lead_is_left_behind_where_its_contact_has_a_row_already() -> None:
    theirs = replace(view(A="1"), converted={"Contact": "003"})
    following = step(field(), converted_lead=ConvertedLead.FOLLOW_CONTACT)
    plan = decide(following, link(A="1"), theirs, view(A="1"), survivor_is_linked=True)
    assert (plan.link.state, plan.held[Side.SALESFORCE].code) == (LinkState.BROKEN, "converted")


def test_a_blocked_pair_is_left_alone() -> None:
    assert (
        decide(step(), link(LinkState.BLOCKED), view(A="1"), view(A="2")).held[Side.POSTGRES].code
        == "blocked"
    )


@pytest.mark.parametrize("direction", [Direction.PULL, Direction.PUSH])
def test_a_field_with_one_direction(direction: Direction) -> None:
    one = step(field(direction=direction))
    taken, left = view(NOON, A="1"), view(NOON, A="0")
    pulled, pushed = decide(one, link(A="0"), taken, left), decide(one, link(A="0"), left, taken)
    pulls = direction is Direction.PULL
    assert pulled.postgres == (update(A="1") if pulls else None)
    assert pushed.salesforce == (None if pulls else update(A="1"))
    drift = pushed if pulls else pulled
    assert (drift.ledger[0].kind, drift.ledger[0].winner, rules(drift)["A"]) == (
        LedgerKind.DRIFT,
        None,
        Rule.DRIFT,
    )
    both = decide(one, link(A="0"), view(NOON, A="1"), view(NOON, A="2"))
    assert both.ledger[0].winner is (Side.SALESFORCE if pulls else Side.POSTGRES)


def test_a_constant_is_pushed_and_never_drifts_into_the_ledger() -> None:
    fixed = Field("A", None, Kind.TEXT, Direction.PUSH, constant="app")
    assert with_constants(step(fixed), {}) == {"A": "app"}
    plan = decide(step(fixed), link(A="app"), view(A="x"), view(A="app"))
    assert (plan.ledger, rules(plan)) == ((), {"A": Rule.CONSTANT})
    assert decide(step(fixed), link(), view(A="x"), view(A="app")).salesforce == update(A="app")


def test_what_salesforce_does_not_let_us_write_stays() -> None:
    plan = decide(step(field(updateable=False)), link(A="0"), view(A="0"), view(A="1"))
    assert (plan.salesforce, rules(plan)) == (None, {"A": Rule.READ_ONLY})


def test_a_reference_that_is_not_linked_waits_and_keeps_its_base() -> None:
    theirs = replace(view(A="ref", B="1"), waiting={"A": "001"})
    plan = decide(step(), link(A=None, B="0"), theirs, view(A=None, B="0"))
    assert (plan.postgres, plan.held[Side.POSTGRES].waiting_for) == (update(B="1"), "001")
    assert "A" not in plan.base
    ours = View(Presence.PRESENT, {"B": "2"}, waiting={"A": "accounts:7"})
    out = decide(step(), link(A=None, B="0"), view(A=None, B="0"), ours)
    assert (out.salesforce, out.held[Side.SALESFORCE].outcome, rules(out)["A"]) == (
        update(B="2"),
        Outcome.WAIT,
        Rule.WAITING,
    )
    needed = decide(
        step(field("A", mandatory=True), field("B")), link(A=None, B="0"), view(A=None, B="0"), ours
    )
    assert (needed.salesforce, needed.held[Side.SALESFORCE].waiting_for) == (None, "accounts:7")


def test_a_reference_to_a_pair_that_is_no_more_gives_way_to_what_salesforce_points_to() -> None:
    ours = View(Presence.PRESENT, {"B": "0"}, waiting={"A": "accounts:7"}, former={"A": "001"})
    agreed = link(A="001", B="0")
    moved = decide(step(), agreed, view(A="002", B="0"), ours)
    assert (moved.postgres, moved.salesforce, moved.held) == (update(A="002"), None, {})
    cleared = decide(step(), agreed, view(A=None, B="0"), ours)
    assert (cleared.postgres, cleared.base["A"]) == (update(A=None), None)
    for theirs in (view(A="001", B="0"), View(Presence.PRESENT, {"B": "0"}, complete=False)):
        still = decide(step(), agreed, theirs, ours)
        assert (still.postgres, still.held[Side.SALESFORCE].waiting_for) == (None, "accounts:7")
    edited = decide(step(), link(A="000", B="0"), view(A="002", B="0"), ours)
    assert (edited.postgres, edited.held[Side.SALESFORCE].waiting_for) == (None, "accounts:7")


def test_a_value_that_cannot_travel_parks_its_side() -> None:
    broken = View(Presence.PRESENT, {"B": "1"}, failures={"A": BROKEN_VALUE})
    still = view(A="0", B="0")
    incoming, outgoing = (
        decide(step(), link(A="0", B="0"), broken, still),
        decide(step(), link(A="0", B="0"), still, broken),
    )
    assert (incoming.postgres, incoming.held[Side.POSTGRES].outcome) == (None, Outcome.PARK)
    assert (outgoing.salesforce, outgoing.held[Side.SALESFORCE].outcome) == (None, Outcome.PARK)
    untranslated = View(Presence.PRESENT, {"A": "0", "B": "1"}, failures={"A": BROKEN_VALUE})
    assert decide(step(), link(A="0", B="0"), still, untranslated).salesforce == update(B="1")
    one_way = step(field("A", Direction.PULL), field("B"))
    assert decide(one_way, link(A="0", B="0"), still, broken).salesforce == update(B="1")


def test_behaviours_and_mandatory_fields_hold_an_update_back() -> None:
    only = step(field(), push=Behaviour.CREATE_ONLY, pull=Behaviour.CREATE_ONLY)
    assert decide(only, link(A="0"), view(A="0"), view(A="1")).held[Side.SALESFORCE].code == "create_only"
    assert decide(only, link(A="0"), view(A="1"), view(A="0")).held[Side.POSTGRES].code == "create_only"
    needed = step(field("A", mandatory=True), field("B"))
    out = decide(needed, link(A=None, B="0"), view(A=None, B="0"), view(A=None, B="1"))
    assert (out.salesforce, out.held[Side.SALESFORCE].code) == (None, "mandatory_missing")
    back = decide(needed, link(A=None, B="0"), view(A=None, B="1"), view(A=None, B="0"))
    assert (back.postgres, back.held[Side.POSTGRES].code) == (None, "mandatory_missing")


def test_creates_are_held_for_the_same_reasons() -> None:
    for creating, theirs, ours, side in (
        (step(field(), push=Behaviour.UPDATE_ONLY), MISSING, view(A="1"), Side.SALESFORCE),
        (step(field(), pull=Behaviour.UPDATE_ONLY), view(A="1"), MISSING, Side.POSTGRES),
    ):
        assert decide(creating, None, theirs, ours).held[side].code == "no_match"
    unreadable = View(Presence.PRESENT, {}, failures={"A": BROKEN_VALUE})
    assert decide(step(), None, MISSING, unreadable).held[Side.SALESFORCE].outcome is Outcome.PARK
    assert decide(step(), None, unreadable, MISSING).held[Side.POSTGRES].outcome is Outcome.PARK
    needed = step(field("A", mandatory=True), field("B"))
    assert decide(needed, None, MISSING, view(A=None)).held[Side.SALESFORCE].code == "mandatory_missing"


def test_a_record_is_made_before_the_one_it_points_to_unless_it_needs_it() -> None:
    ours = View(Presence.PRESENT, {"B": "1"}, waiting={"A": "accounts:7"})
    theirs = View(Presence.PRESENT, {"A": "001", "B": "1"}, waiting={"A": "001"})
    out, back = decide(step(), None, MISSING, ours), decide(step(), None, theirs, MISSING)
    assert (out.salesforce, out.held[Side.SALESFORCE].outcome) == (
        Write(Operation.CREATE, {"B": "1"}),
        Outcome.WAIT,
    )
    assert (back.postgres, back.held[Side.POSTGRES].outcome) == (
        Write(Operation.CREATE, {"B": "1"}),
        Outcome.WAIT,
    )
    needed = step(field("A", mandatory=True), field("B"))
    assert decide(needed, None, MISSING, ours).salesforce is None


def test_a_record_that_is_made_on_request_alone_is_made_anew_only_for_an_edit_that_wins() -> None:
    waits = step(field(), on_request=True)
    for former in (None, link(LinkState.TOMBSTONE, A="1")):
        plan = decide(waits, former, MISSING, view(A="1"))
        assert plan.salesforce is None
        assert plan.held[Side.SALESFORCE].code == "on_request"
    edited = step(field(), on_request=True, delete_conflict=DeleteConflict.UPDATE_WINS)
    assert decide(edited, link(A="1"), GONE, view(A="2")).salesforce == Write(Operation.CREATE, {"A": "2"})


def test_a_pair_that_an_operator_parted_is_left_alone() -> None:
    plan = decide(step(field()), link(LinkState.UNLINKED, A="1"), view(A="1"), view(A="2"))
    assert (plan.salesforce, plan.postgres) == (None, None)
    assert {hold.code for hold in plan.held.values()} == {"unlinked"}
