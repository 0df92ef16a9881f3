"""What holds of every decision, whatever the pair: total, deterministic, idempotent, symmetric, monotone, honest."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Field, Kind, Step, Table
from daemon.domain.plan import LedgerKind, Operation, Plan, Write
from daemon.domain.policy import ConflictRule, ConvertedLead, DeleteConflict, OnDelete, Policy
from daemon.domain.side import Direction, Side
from daemon.domain.value import Value
from daemon.domain.view import Presence, View
from daemon.reconcile.decide import decide

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("A", "B", "C")
VALUES: st.SearchStrategy[Value] = st.sampled_from([None, "one", "two", True, False])
TIMES = st.integers(0, 6).map(lambda seconds: NOON + timedelta(seconds=seconds))
FULL = st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES))
PARTIAL = st.dictionaries(st.sampled_from(NAMES), VALUES)
RULES = st.builds(ConflictRule, st.sampled_from(Policy), st.sampled_from(Side))
MIRRORED = {
    Policy.SALESFORCE: Policy.POSTGRES,
    Policy.POSTGRES: Policy.SALESFORCE,
    Policy.SALESFORCE_UNLESS_BLANK: Policy.POSTGRES_UNLESS_BLANK,
    Policy.POSTGRES_UNLESS_BLANK: Policy.SALESFORCE_UNLESS_BLANK,
}


@st.composite
def steps(draw: st.DrawFn, *, one_way: bool = True, groups: bool = True) -> Step:
    grouped = groups and draw(st.booleans())
    shared = (draw(RULES), draw(st.sampled_from(Direction)) if one_way else Direction.TWO_WAY)
    fields = []
    for name in NAMES:
        rule, direction = draw(RULES), draw(st.sampled_from(Direction)) if one_way else Direction.TWO_WAY
        group = "together" if grouped and name != "C" else None
        if group:
            rule, direction = shared
        fields.append(Field(name, name.lower(), Kind.TEXT, direction, rule, group=group))
    return Step(
        "contacts", "Contact", Table("public", "people", ("id",), {}), Direction.TWO_WAY, tuple(fields),
        on_delete=draw(st.sampled_from(OnDelete)),
        delete_conflict=draw(st.sampled_from(DeleteConflict)),
        converted_lead=draw(st.sampled_from(ConvertedLead)),
    )  # fmt: skip


@st.composite
def views(
    draw: st.DrawFn, values: st.SearchStrategy[dict[str, Value]] = PARTIAL, *, present: bool = False
) -> View:
    presence = Presence.PRESENT if present else draw(st.sampled_from(Presence))
    times = draw(st.dictionaries(st.sampled_from(NAMES), TIMES))
    return View(presence, draw(values), changed=times, changed_at=draw(st.none() | TIMES))


def linked(base: dict[str, Value], state: LinkState = LinkState.LINKED) -> Link:
    return Link(1, "contacts", "Contact", "003000000000001AAA", "public.people", "1", state, base=base)


LINKS = st.none() | st.builds(linked, PARTIAL, st.sampled_from(LinkState))


@given(steps(), LINKS, views(), views(), st.booleans(), st.booleans())
def test_total_and_deterministic(
    step: Step, link: Link | None, theirs: View, ours: View, survivor: bool, merged: bool
) -> None:
    theirs = replace(theirs, merged_into="003000000000002AAA" if merged else None)
    plan = decide(step, link, theirs, ours, survivor_is_linked=survivor)
    assert plan == decide(step, link, theirs, ours, survivor_is_linked=survivor)
    assert plan.outcome is not None


@given(steps(), PARTIAL, views(FULL, present=True), views(FULL, present=True))
def test_idempotent(step: Step, base: dict[str, Value], theirs: View, ours: View) -> None:
    """Once it is done and both sides and the base are what the plan says, there is nothing left to write."""
    plan = decide(step, linked(base), theirs, ours)
    sent, given_ = _written(plan.salesforce), _written(plan.postgres)
    again = decide(
        step,
        linked({**base, **plan.base, **sent}),
        replace(theirs, values={**theirs.values, **sent}),
        replace(ours, values={**ours.values, **given_}),
    )
    assert again.salesforce is None
    assert again.postgres is None


@given(steps(one_way=False), FULL, views(FULL, present=True), views(FULL, present=True))
def test_symmetric_under_swapping_the_sides(
    step: Step, base: dict[str, Value], theirs: View, ours: View
) -> None:
    """With mirrored policies; `push_always` is left out, because it names a side by what it is."""
    assume(all(field.conflict.policy is not Policy.PUSH_ALWAYS for field in step.fields))
    mirrored = replace(step, fields=tuple(_mirrored(field) for field in step.fields))
    one, two = decide(step, linked(base), theirs, ours), decide(mirrored, linked(base), ours, theirs)
    assert (one.salesforce, one.postgres) == (two.postgres, two.salesforce)
    winners = [(v.field, v.winner.other if v.winner else None) for v in two.verdicts]
    assert [(v.field, v.winner) for v in one.verdicts] == winners
    assert [entry.winner for entry in one.ledger] == [
        entry.winner.other if entry.winner else None for entry in two.ledger
    ]


@given(
    steps(groups=False), FULL, views(FULL, present=True), views(FULL, present=True), st.sampled_from(NAMES)
)
def test_taking_back_a_pending_edit_adds_no_conflict(
    step: Step, base: dict[str, Value], theirs: View, ours: View, name: str
) -> None:
    """Not said of `record_newest`, where one field's edit decides about the others by its rule."""
    assume(all(field.conflict.policy is not Policy.RECORD_NEWEST for field in step.fields))
    calmer = replace(ours, values={**ours.values, name: base[name]})
    assert _conflicts(decide(step, linked(base), theirs, calmer)) <= _conflicts(
        decide(step, linked(base), theirs, ours)
    )


@given(steps(), FULL, views(PARTIAL, present=True), views(PARTIAL, present=True))
def test_nothing_is_invented_and_absent_is_not_null(
    step: Step, base: dict[str, Value], theirs: View, ours: View
) -> None:
    """A value that is written or agreed on was somebody's; a field that nobody spoke of is not touched."""
    plan = decide(step, linked(base), theirs, ours)
    for values in (plan.base, _written(plan.salesforce), _written(plan.postgres)):
        for name, value in values.items():
            held = [base[name]] + [view.values[name] for view in (theirs, ours) if name in view.values]
            assert any(value is item or value == item for item in held)
    for name in NAMES:
        if name not in theirs.values and name not in ours.values:
            assert name not in _written(plan.salesforce)
            assert name not in _written(plan.postgres)


@given(steps(one_way=False, groups=False), st.sampled_from(NAMES))
def test_an_explicit_null_clears(step: Step, name: str) -> None:
    base: dict[str, Value] = dict.fromkeys(NAMES, "one")
    unchanged = View(Presence.PRESENT, base)
    cleared = View(Presence.PRESENT, {name: None}, complete=False)
    assert decide(step, linked(base), cleared, unchanged).postgres == Write(Operation.UPDATE, {name: None})
    assert decide(step, linked(base), unchanged, cleared).salesforce == Write(Operation.UPDATE, {name: None})
    silent = View(Presence.PRESENT, {}, complete=False)
    assert decide(step, linked(base), silent, unchanged).postgres is None


def _mirrored(field: Field) -> Field:
    rule = field.conflict
    return replace(
        field, conflict=replace(rule, policy=MIRRORED.get(rule.policy, rule.policy), tie=rule.tie.other)
    )


def _written(write: Write | None) -> dict[str, Value]:
    return dict(write.values) if write is not None else {}


def _conflicts(plan: Plan) -> set[str]:
    return {entry.field for entry in plan.ledger if entry.kind is LedgerKind.CONFLICT}
