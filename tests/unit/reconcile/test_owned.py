"""What Salesforce alone gives is put back, a converted lead is not written, and a person account is left out."""

from dataclasses import replace

import pytest

from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Field, Kind, Step, Table
from daemon.domain.plan import Operation, Plan
from daemon.domain.policy import ConvertedLead, Owned
from daemon.domain.side import Direction, Side
from daemon.domain.view import MISSING, Presence, View
from daemon.reconcile.decide import decide

TABLE = Table(
    "app", "person", ("id",), {"id": "bigint", "name": "text", "mail": "text", "seen": "text"},
    generated=frozenset({"seen"}),
)  # fmt: skip
PULLED = Step(
    "leads",
    "Lead",
    TABLE,
    Direction.PULL,
    (
        Field("LastName", "name", Kind.TEXT, Direction.PULL),
        Field("Seen", "seen", Kind.TEXT, Direction.PULL),
    ),
    owned=Owned.OVERWRITE,
    converted_lead=ConvertedLead.IGNORE,
)
BOTH = replace(
    PULLED,
    direction=Direction.TWO_WAY,
    fields=(
        Field("LastName", "name", Kind.TEXT, Direction.PULL),
        Field("Email", "mail", Kind.TEXT, Direction.TWO_WAY),
    ),
    owned=Owned.REFUSE,
)
PUSHED = replace(
    PULLED,
    direction=Direction.PUSH,
    fields=(Field("Email", "mail", Kind.TEXT, Direction.PUSH),),
    owned=Owned.OFF,
)
LINK = Link(
    1,
    "leads",
    "Lead",
    "00Q000000000001AAA",
    "app.person",
    "1",
    base={"LastName": "Hill", "Email": "h@x.example"},
)
THEIRS = View(Presence.PRESENT, {"LastName": "Hill", "Email": "h@x.example"})
OURS = View(Presence.PRESENT, {"LastName": "Hill", "Email": "h@x.example"})
EDITED = View(Presence.PRESENT, {"LastName": "Mine", "Email": "mine@x.example"})
CONVERTED = replace(THEIRS, converted={"Contact": "003000000000001AAA"})


def code(plan: Plan, side: Side) -> str | None:
    return plan.held[side].code if side in plan.held else None


def test_what_is_captured_and_what_is_owned_follow_from_the_step() -> None:
    assert (PULLED.is_captured, replace(PULLED, owned=Owned.OFF).is_captured, PUSHED.is_captured) == (
        True,
        False,
        True,
    )
    assert (PULLED.owned_columns, BOTH.owned_columns) == ((), ("name",))
    assert replace(PULLED, owned=Owned.REFUSE).owned_columns == ("name",)


def test_the_fields_that_mark_a_record_are_read_where_the_object_has_them() -> None:
    assert "IsConverted" in PULLED.markers
    assert replace(PULLED, object="Account").markers == ()
    assert replace(PULLED, object="Account", tells_persons=True).markers == ("IsPersonAccount",)


NO_RECORD, NO_ROW = View(Presence.GONE, {}), View(Presence.GONE, {})


@pytest.mark.requirement("S2-12", "S2-14", "S2-20")
@pytest.mark.parametrize("owned", list(Owned))
@pytest.mark.parametrize(
    ("link", "theirs", "ours"),
    [
        (LINK, THEIRS, EDITED),
        (LINK, THEIRS, NO_ROW),
        (LINK, NO_RECORD, EDITED),
        (None, MISSING, OURS),
        (None, THEIRS, EDITED),
    ],
    ids=["an edit", "a delete", "an edit of what is gone", "a new row", "two that meet"],
)
def test_a_step_that_only_pulls_sends_nothing(
    owned: Owned, link: Link | None, theirs: View, ours: View
) -> None:
    step = replace(PULLED, owned=owned)
    assert decide(step, link, theirs, ours).salesforce is None


@pytest.mark.requirement("S2-18", "S2-19", "S2-21")
@pytest.mark.parametrize(
    ("link", "theirs", "ours"),
    [(LINK, EDITED, OURS), (LINK, NO_RECORD, OURS), (None, THEIRS, MISSING), (None, EDITED, OURS)],
    ids=["an edit", "a delete", "a new record", "two that meet"],
)
def test_a_step_that_only_pushes_brings_nothing_in(link: Link | None, theirs: View, ours: View) -> None:
    assert decide(PUSHED, link, theirs, ours).postgres is None


@pytest.mark.requirement("S2-20")
def test_an_edit_of_an_owned_field_is_put_back_and_told() -> None:
    plan = decide(PULLED, LINK, THEIRS, EDITED)
    assert plan.postgres is not None
    assert plan.postgres.values == {"LastName": "Hill"}
    assert [(entry.field, entry.winner) for entry in plan.ledger] == [("LastName", Side.SALESFORCE)]
    assert decide(replace(PULLED, owned=Owned.OFF), LINK, THEIRS, EDITED).postgres is None
    assert decide(PULLED, LINK, THEIRS, OURS).postgres is None


@pytest.mark.requirement("S2-20")
def test_an_owned_row_that_somebody_deleted_is_made_again() -> None:
    gone = View(Presence.GONE, {})
    plan = decide(PULLED, LINK, THEIRS, gone)
    assert plan.postgres is not None
    assert plan.postgres.operation is Operation.CREATE
    assert decide(PULLED, LINK, replace(THEIRS, outside=True), gone).postgres is None
    assert decide(replace(PULLED, owned=Owned.OFF), LINK, THEIRS, gone).link.state is LinkState.BROKEN


@pytest.mark.requirement("S1-76")
def test_a_converted_lead_makes_a_row_where_the_step_asks_for_it() -> None:
    for step in (PULLED, BOTH):
        plan = decide(step, None, CONVERTED, MISSING)
        assert plan.postgres is not None
        assert plan.postgres.values["LastName"] == "Hill"
        assert plan.held == {}
    assert (
        decide(replace(PULLED, converted_lead=ConvertedLead.PARK), None, CONVERTED, MISSING).postgres is None
    )


@pytest.mark.requirement("S1-77", "S1-78")
def test_a_converted_lead_is_never_written_and_the_plan_says_why() -> None:
    for step in (BOTH, PUSHED):
        plan = decide(step, LINK, CONVERTED, EDITED)
        assert plan.salesforce is None
        assert code(plan, Side.SALESFORCE) == "converted_lead"
        assert decide(step, LINK, CONVERTED, OURS).held == {}
    assert decide(BOTH, None, CONVERTED, EDITED).salesforce is None


@pytest.mark.requirement("S2-30", "S2-34")
def test_a_person_account_is_left_out_with_its_reason() -> None:
    plan = decide(BOTH, None, replace(THEIRS, person=True), MISSING)
    assert (plan.postgres, plan.salesforce) == (None, None)
    assert code(plan, Side.POSTGRES) == code(plan, Side.SALESFORCE) == "person_account"
