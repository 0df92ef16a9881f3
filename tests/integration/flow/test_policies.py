"""Conflicts through the whole road: both sides change one field before either has heard of the other.

Each is walked in both orders: the event is taken in first, and the worker goes first and learns of the other's edit by
a refused write. Who wins may not depend on it.
"""

from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.mapping import Kind
from daemon.domain.policy import ConflictRule, Policy
from daemon.domain.side import Direction, Side
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company, paired_person
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, PEOPLE, all_by, field, policy, with_field, with_fields

ORDERS = pytest.mark.parametrize("first", ["stream", "worker"])
FAR = 100.0


async def walk(road: Road, first: str) -> None:
    if first == "worker":
        await road.work()
    await road.settle()


async def both_edit(road: Road, sf_id: str, key: str, theirs: Any, ours: Any, newer: Side) -> None:
    """One field, changed on both sides, far enough apart in time."""
    if newer is Side.SALESFORCE:
        shift(road, FAR)
    else:
        road.parts.skew.postgres = -FAR  # the database's clock is that far behind
    road.org.update("Account", sf_id, {"Phone": theirs})
    await road.update("company", key, phone=ours)


CASES = [
    (Policy.NEWEST, Side.SALESFORCE, "s", "p", "s"),
    (Policy.NEWEST, Side.POSTGRES, "s", "p", "p"),
    (Policy.RECORD_NEWEST, Side.SALESFORCE, "s", "p", "s"),
    (Policy.RECORD_NEWEST, Side.POSTGRES, "s", "p", "p"),
    (Policy.SALESFORCE, Side.POSTGRES, "s", "p", "s"),
    (Policy.POSTGRES, Side.SALESFORCE, "s", "p", "p"),
    (Policy.SALESFORCE_UNLESS_BLANK, Side.POSTGRES, "s", "p", "s"),
    (Policy.SALESFORCE_UNLESS_BLANK, Side.SALESFORCE, None, "p", "p"),
    (Policy.POSTGRES_UNLESS_BLANK, Side.SALESFORCE, "s", "p", "p"),
    (Policy.POSTGRES_UNLESS_BLANK, Side.POSTGRES, "s", None, "s"),
    (Policy.PUSH_ALWAYS, Side.SALESFORCE, "s", "p", "p"),
]


@pytest.mark.requirement("S2-24")
@ORDERS
@pytest.mark.parametrize(("name", "newer", "theirs", "ours", "expected"), CASES)
async def test_a_conflict_is_decided_by_the_policy_and_told(
    make_road: MakeRoad, first: str, name: Policy, newer: Side, theirs: Any, ours: Any, expected: str
) -> None:
    road = await make_road(all_by(COMPANIES, policy(name)))
    key, sf_id = await paired_company(road)
    await both_edit(road, sf_id, key, theirs, ours, newer)
    await walk(road, first)
    row, record = await road.row("company", key) or {}, road.record("Account", sf_id)
    assert (row["phone"], record.get("Phone")) == (expected, expected)
    winner = "salesforce" if expected == "s" else "postgres"
    entries = [entry for entry in await road.ledger() if entry["kind"] == "conflict"]
    assert [(e["field"], e["winner"], e["base"], e["salesforce"], e["postgres"]) for e in entries] == [
        ("Phone", winner, "1", theirs, ours)
    ]
    await road.in_step()
    await road.quiet()


async def _captured(road: Road, column: str, seconds: float) -> None:
    """Say of the stored change of a column that it was captured so much later than it was."""
    await road.app.execute(
        "UPDATE isthmus.change SET at = at + make_interval(secs => $2) WHERE new_values ? $1", column, seconds
    )


@ORDERS
async def test_a_later_edit_of_another_column_makes_none_newer(make_road: MakeRoad, first: str) -> None:
    """The row's name is edited, then the record's, then the row's telephone number, before either side has heard of the other.

    The record's name is the newer one, though the row's last change is newer still. Where the worker goes first its write is
    refused, and both changes of the row wait on.
    """
    road = await make_road(all_by(COMPANIES, policy(Policy.NEWEST)))
    key, sf_id = await paired_company(road)
    shift(road, FAR)
    await road.update("company", key, name="older")
    road.org.update("Account", sf_id, {"Name": "newer"})
    await road.update("company", key, phone="p")
    await _captured(road, "phone", 2 * FAR)
    await walk(road, first)
    row, record = await road.row("company", key) or {}, road.record("Account", sf_id)
    assert (row["name"], record["Name"], row["phone"], record["Phone"]) == ("newer", "newer", "p", "p")
    assert [(e["field"], e["winner"]) for e in await road.ledger()] == [("Name", "salesforce")]
    assert await road.changes() == []
    await road.in_step()


@ORDERS
@pytest.mark.parametrize("tie", list(Side))
async def test_within_the_window_the_tie_rule_decides(make_road: MakeRoad, first: str, tie: Side) -> None:
    road = await make_road(all_by(COMPANIES, policy(Policy.NEWEST, tie)))
    key, sf_id = await paired_company(road)
    road.org.clock.advance(-4)  # back to one second after the pair was made, which is now
    road.org.update("Account", sf_id, {"Phone": "s"})
    await road.update("company", key, phone="p")
    await walk(road, first)
    expected = "s" if tie is Side.SALESFORCE else "p"
    assert (await road.row("company", key) or {})["phone"] == expected
    assert road.record("Account", sf_id)["Phone"] == expected
    assert [entry["winner"] for entry in await road.ledger()] == [tie.value]
    await road.in_step()
    await road.quiet()


@ORDERS
async def test_manual_leaves_both_as_they_are_until_one_gives_in(make_road: MakeRoad, first: str) -> None:
    road = await make_road(with_field(COMPANIES, "Phone", conflict=policy(Policy.MANUAL)))
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Phone": "s", "Website": "w"})
    await road.update("company", key, phone="p")
    await walk(road, first)
    row, record = await road.row("company", key) or {}, road.record("Account", sf_id)
    assert (row["phone"], record["Phone"], row["website"]) == ("p", "s", "w")
    assert [(entry["field"], entry["winner"]) for entry in await road.ledger()] == [("Phone", None)]
    assert (await road.link("companies", key)).base["Phone"] == "1"
    await road.in_step(unless={"Phone"})
    await road.quiet()
    shift(road, 5)
    await road.update("company", key, phone="s")
    await road.settle()
    await road.in_step()
    assert len(await road.ledger()) == 1
    await road.quiet()


@ORDERS
@pytest.mark.parametrize(("theirs", "ours"), [(True, False), (False, True)])
async def test_an_opt_out_is_never_lost(make_road: MakeRoad, first: str, theirs: bool, ours: bool) -> None:
    flag = field(
        "HasOptedOutOfEmail",
        "opted_out",
        Kind.BOOLEAN,
        conflict=ConflictRule(Policy.TRUE_WINS, Side.POSTGRES),
    )
    notice = field("Phone", "phone", conflict=policy(Policy.SALESFORCE))
    road = await make_road(COMPANIES, with_fields(PEOPLE, flag, notice))
    key, sf_id = await paired_person(road, opted_out=not (theirs and ours), phone="1")
    start = road.record("Contact", sf_id)["HasOptedOutOfEmail"]
    road.org.update("Contact", sf_id, {"HasOptedOutOfEmail": theirs, "Phone": "s"})
    await road.update("person", key, opted_out=ours, phone="p")
    await walk(road, first)
    row, record = await road.row("person", key) or {}, road.record("Contact", sf_id)
    # Only one side left the base here, so its change is taken whatever the policy says of a conflict.
    assert row["opted_out"] is record["HasOptedOutOfEmail"] is (theirs if theirs != start else ours)
    await road.in_step()
    await road.quiet()


@ORDERS
async def test_fields_of_a_group_move_together(make_road: MakeRoad, first: str) -> None:
    step = with_fields(
        COMPANIES,
        field("BillingStreet", "street", group="address", conflict=policy(Policy.POSTGRES)),
        field("BillingCity", "city", group="address", conflict=policy(Policy.POSTGRES)),
    )
    road = await make_road(step)
    key, sf_id = await paired_company(road, street="1 Main St", city="Bonn")
    road.org.update("Account", sf_id, {"BillingCity": "Paris"})
    await road.update("company", key, street="9 High St")
    await walk(road, first)
    row, record = await road.row("company", key) or {}, road.record("Account", sf_id)
    assert (row["street"], row["city"]) == ("9 High St", "Bonn"), "an address was mixed from two"
    assert (record["BillingStreet"], record["BillingCity"]) == ("9 High St", "Bonn")
    assert {entry["field"] for entry in await road.ledger()} == {"BillingStreet", "BillingCity"}
    await road.in_step()
    await road.quiet()


@ORDERS
async def test_the_newest_record_wins_whole(make_road: MakeRoad, first: str) -> None:
    road = await make_road(all_by(COMPANIES, policy(Policy.RECORD_NEWEST)))
    key, sf_id = await paired_company(road, website="w")
    road.org.clock.advance(FAR)
    road.org.update("Account", sf_id, {"Phone": "s"})
    await road.update("company", key, website="ours")
    await walk(road, first)
    row, record = await road.row("company", key) or {}, road.record("Account", sf_id)
    assert (row["phone"], row["website"]) == ("s", "w"), "the older record's edit is to give way whole"
    assert (record["Phone"], record["Website"]) == ("s", "w")
    assert [(e["field"], e["winner"], e["postgres"]) for e in await road.ledger()] == [
        ("Website", "salesforce", "ours")
    ]
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S3-27")
async def test_an_older_change_of_salesforce_does_not_come_in_under_push_always(make_road: MakeRoad) -> None:
    step = replace(
        with_field(COMPANIES, "Phone", conflict=policy(Policy.PUSH_ALWAYS)), updated_at="updated_at"
    )
    road = await make_road(step)
    key, sf_id = await paired_company(road)
    await road.app.execute("UPDATE app.company SET updated_at = clock_timestamp() + interval '1 hour'")
    await road.settle()
    road.org.update("Account", sf_id, {"Phone": "s"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "1"
    assert road.record("Account", sf_id)["Phone"] == "1"
    assert [(e["kind"], e["winner"], e["salesforce"]) for e in await road.ledger()] == [
        ("superseded", "postgres", "s")
    ]
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S2-23")
async def test_a_pulled_value_is_not_a_conflict_where_push_is_not_allowed(make_road: MakeRoad) -> None:
    road = await make_road(with_field(COMPANIES, "Phone", direction=Direction.PULL))
    key = await road.insert("company", name="Acme")
    await road.settle()
    sf_id = (await road.link("companies", key)).sf_id
    shift(road, 5)
    road.org.update("Account", sf_id, {"Phone": "s"})
    await road.update("company", key, phone="p")
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "s"
    assert [(e["kind"], e["winner"], e["postgres"]) for e in await road.ledger()] == [
        ("drift", "salesforce", "p")
    ]
    await road.in_step()
    await road.quiet()
