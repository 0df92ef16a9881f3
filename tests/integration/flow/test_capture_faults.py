"""What capture missed: every new row is found, in as many portions as it takes, and a failure leaves nothing out."""

from typing import Any

import pytest

from daemon.domain.failure import CallFailedError, DatabaseFailedError, Failure, FailureKind, Reason
from daemon.flow import unlinked
from daemon.flow.capture_faults import CaptureFaults
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road import Road
from tests.support.road_steps import COMPANIES

GONE = DatabaseFailedError(Failure(FailureKind.TRANSIENT, Reason.TRANSPORT, "08006", "gone", "wait"))


async def _missed(road: Road, rows: int) -> None:
    """An error inside the trigger: a change of the one pair and new rows, of which capture knows no more than that it failed."""
    await road.app.execute("SET session_replication_role = replica")
    await road.app.execute("UPDATE app.company SET phone = '7'")
    await road.app.execute(
        "INSERT INTO app.company (name) SELECT 'new ' || n FROM generate_series(1, $1::int) AS n", rows
    )
    await road.app.execute("SET session_replication_role = origin")
    await road.app.execute(
        "INSERT INTO isthmus.capture_fault (step, operation, sqlstate, message) VALUES ('companies', 'INSERT', '22000', 'no')"
    )


async def test_all_new_rows_are_found_whatever_their_number(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlinked, "AT_ONCE", 2)
    road = await make_road(COMPANIES)
    _, sf_id = await paired_company(road)
    await _missed(road, 5)
    await CaptureFaults(road.parts).make_good()
    await road.settle()
    assert len(road.org.rows("Account")) == 6
    assert road.record("Account", sf_id)["Phone"] == "7"
    assert await road.parts.store.faulty_capture() == frozenset()


async def test_what_a_failure_left_is_made_good_at_the_next_look(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = await make_road(COMPANIES)
    await paired_company(road)
    await _missed(road, 1)
    faults, store = CaptureFaults(road.parts), type(road.parts.store)
    sweep, enqueue = store.sweep, store.enqueue_unlinked

    async def swept(self: Any, *given: Any, **named: Any) -> int:
        found = await sweep(self, *given, **named)
        await _missed(road, 1)
        await road.app.execute("DELETE FROM isthmus.capture_fault")
        monkeypatch.setattr(store, "enqueue_unlinked", broken)
        return found

    async def broken(*_: Any) -> int:
        raise GONE

    monkeypatch.setattr(store, "sweep", swept)
    with pytest.raises(CallFailedError):
        await faults.make_good()
    assert await road.parts.store.faulty_capture() == frozenset()
    monkeypatch.setattr(store, "sweep", sweep)
    monkeypatch.setattr(store, "enqueue_unlinked", enqueue)
    await faults.make_good()
    await road.settle()
    assert len(road.org.rows("Account")) == 3
