"""The pure parts of a watch over schemas: what differs, what is remembered, and when former batches are over."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from daemon.domain.drift import Drift, DriftKind, KnownStep, MappedTypes
from daemon.domain.mapping import Steps
from daemon.domain.side import Direction
from daemon.flow.drift.differences import Schemas, differences
from daemon.flow.drift.memory import Memory, held_since, read, written
from daemon.flow.in_force import InForce
from tests.support.road_steps import COMPANIES as STEP
from tests.unit.settings.sample import ACCOUNT, COMPANIES, OBJECTS, TABLES

AT = datetime(2026, 3, 1, tzinfo=UTC)
LATER = datetime(2026, 3, 2, tzinfo=UTC)


def told(before: Schemas, after: Schemas) -> list[tuple[str, DriftKind]]:
    return [(str(item), item.kind) for item in differences(before, after)]


def test_equal_schemas_do_not_differ() -> None:
    assert differences(Schemas(OBJECTS, TABLES), Schemas(OBJECTS, TABLES)) == []


def test_fields_that_come_go_and_change_are_told_exactly() -> None:
    name = ACCOUNT.fields["Name"]
    changed = {
        **{key: field for key, field in ACCOUNT.fields.items() if key != "Signed"},
        "Name": replace(name, length=name.length + 1),
        "Tags": replace(ACCOUNT.fields["Tags"], updateable=False),
        "New__c": replace(name, name="New__c", length=9),
    }
    after = {**OBJECTS, "Account": replace(ACCOUNT, fields=changed)}
    assert told(Schemas(OBJECTS), Schemas(after)) == [
        (f"Account.Name was string({name.length}) and is string({name.length + 1})", DriftKind.RETYPED),
        ("Account.New__c is new (string(9))", DriftKind.ADDED),
        ("Account.Signed is gone (it was datetime)", DriftKind.REMOVED),
        ("Account.Tags was read, create, edit and is read, create", DriftKind.PERMISSION),
    ]


def test_columns_and_whole_tables_are_told_too() -> None:
    columns = {**COMPANIES.columns, "staff": replace(COMPANIES.columns["staff"], type="text")}
    columns["note"] = replace(columns["note"], selectable=False)
    after = {"crm.companies": replace(COMPANIES, columns=columns)}
    assert told(Schemas(tables=TABLES), Schemas(tables=after)) == [
        ("crm.companies.note was read, update and is update", DriftKind.PERMISSION),
        ("crm.companies.staff was integer and is text", DriftKind.RETYPED),
        ("crm.people is gone", DriftKind.REMOVED),
    ]


def test_what_is_remembered_reads_as_it_was_written() -> None:
    types = MappedTypes("rating", "picklist(255)", "text", Direction.TWO_WAY)
    memory = Memory({"companies": KnownStep("app.company", {"Rating": types})}, {"companies": {"": AT}})
    assert read(written(memory)) == memory
    assert read(None) == Memory()


def test_what_is_held_on_keeps_its_time() -> None:
    drifts = (Drift("a", "X", "", ""), Drift("b", None, "", ""))
    assert held_since(drifts, {"a": {"X": AT, "Y": AT}}, LATER) == {"a": {"X": AT}, "b": {"": LATER}}


async def test_a_batch_keeps_its_steps_and_is_waited_for() -> None:
    first, second = Steps((STEP,)), Steps((replace(STEP, still="held"),))
    in_force = InForce(first)
    with in_force.batch() as mine:
        in_force.replace(second)
        assert (mine, in_force.steps) == (first, second)
        assert not await in_force.alone(0.0)
        waiting = asyncio.ensure_future(in_force.alone(10.0))
        await asyncio.sleep(0)
        assert not waiting.done()
        with in_force.batch():
            pass
        await asyncio.sleep(0)
        assert not waiting.done(), "a batch under the new steps is none to wait for"
    assert await waiting
    with in_force.batch():
        assert await in_force.alone(0.0)


@pytest.mark.parametrize("same", [True, False])
def test_putting_equal_steps_in_force_replaces_nothing(same: bool) -> None:
    steps = Steps((STEP,))
    in_force = InForce(steps)
    in_force.replace(Steps((STEP if same else replace(STEP, batch_size=7),)), (Drift("a", "X", "", ""),))
    assert (in_force.steps is steps) is same
    assert in_force.drifts == (Drift("a", "X", "", ""),)
