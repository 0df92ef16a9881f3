"""Writes in batches: siblings never side by side, a lock or a bad record that harms nobody else, and sizes that are learned."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.salesforce import faults
from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.mapping import Retry, Step
from daemon.ports.salesforce import RecordWrite, WriteResult
from daemon.reconcile.pace import MOST_TRIES, UNANSWERED
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, PEOPLE

AT_ONCE = Retry(first=timedelta(0), maximum=timedelta(0))
COMPANIES_AT_ONCE = replace(COMPANIES, retry=AT_ONCE)
PEOPLE_AT_ONCE = replace(PEOPLE, retry=AT_ONCE)
MANY = 2000
BAD = MANY // 100


class Between:
    """The records port with a mishap between us and Salesforce: what befalls every request that carries a bad record."""

    def __init__(self, road: Road, befalls: Any) -> None:
        self._records = road.salesforce.records
        self._befalls = befalls
        self.sizes: list[int] = []
        self.sent: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    async def write(
        self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        self.sizes.append(len(writes))
        bad = [str(write.values["Name"]) for write in writes if "bad" in str(write.values.get("Name"))]
        self.sent.update(bad)
        if bad and self._befalls is not None:
            return [WriteResult(id=write.id, failure=self._befalls, shared=True) for write in writes]
        return await self._records.write(name, fields, writes)


async def _companies(road: Road, count: int, bad: int) -> None:
    await road.app.execute(
        "INSERT INTO app.company (name) SELECT CASE WHEN n % ($1 / $2) = 0 THEN 'bad ' ELSE 'good ' END || n"
        " FROM generate_series(1, $1::int) AS n",
        count,
        bad,
    )


async def _people(road: Road, step: Step, each: int, companies: int) -> list[str]:
    keys = [await road.insert("company", name=f"Company {number}") for number in range(companies)]
    await road.settle()
    for number in range(each):
        for key in keys:
            await road.insert("person", last_name=f"{number} of {key}", company=int(key))
    assert step.name in road.steps.by_name
    return keys


async def test_f14_children_of_one_parent_never_travel_side_by_side(make_road: MakeRoad) -> None:
    step = replace(PEOPLE, batch_size=4)
    road = await make_road(COMPANIES, step)
    await _people(road, step, each=10, companies=3)
    await road.control.post("switches", transaction_seconds=0.1)
    await road.work()
    assert road.meter.counted("isthmus_record_failures_total") == 0
    assert len(road.org.rows("Contact")) == 30
    await road.settle()
    await road.in_step()


async def test_f14_what_a_lock_refuses_is_tried_alone_and_the_others_are_settled(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE_AT_ONCE)
    keys = await _people(road, PEOPLE, each=2, companies=2)
    locked = (await road.link("companies", keys[0])).sf_id
    await road.control.post("locks", id=locked, seconds=600)
    await road.worker.round()
    assert len(road.org.rows("Contact")) == 2
    assert [(c["attempts"], c["code"]) for c in await road.changes() if c["side"] == "postgres"] == [
        (1, "UNABLE_TO_LOCK_ROW")
    ] * 2
    between = Between(road, None)
    road.reborn(records=between)
    await road.worker.round()
    assert between.sizes == [1, 1]
    await road.control.delete("locks")
    await road.settle()
    assert len(road.org.rows("Contact")) == 4
    await road.in_step()


async def test_f14_a_lock_that_stays_parks_after_five_tries(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE_AT_ONCE)
    keys = await _people(road, PEOPLE, each=1, companies=1)
    await road.control.post("locks", id=(await road.link("companies", keys[0])).sf_id, seconds=600)
    await road.work()
    (change,) = [change for change in await road.changes() if change["side"] == "postgres"]
    assert (change["state"], change["attempts"]) == ("parked", MOST_TRIES)


@pytest.mark.parametrize("how", ["refused alone", "refused as a whole", "not answered"])
async def test_p11_one_bad_record_in_a_hundred_harms_no_other(make_road: MakeRoad, how: str) -> None:
    road = await make_road(COMPANIES_AT_ONCE)
    befalls = {
        "refused alone": None,
        "refused as a whole": faults.of_response(400, b'[{"errorCode":"JSON_PARSER_ERROR","message":"no"}]'),
        "not answered": faults.unknown_outcome("UNKNOWN_EXCEPTION: An unexpected error occurred"),
    }[how]
    between = Between(road, befalls)
    road.reborn(records=between)
    if how == "refused alone":
        await road.control.post(
            "validation-rules", object="Account", field="Name", pattern="bad.*", message="bad"
        )
    await _companies(road, MANY, BAD)
    for _ in range(10):
        await road.work()
        await road.app.execute("UPDATE isthmus.change SET due = NULL WHERE code = 'not_sent'")
    assert len(road.org.rows("Account")) == MANY - BAD
    assert not any("bad" in str(row["Name"]) for row in road.org.rows("Account"))
    left = await road.changes()
    assert [change["state"] for change in left] == ["parked"] * BAD
    assert all("bad" in change["new"] for change in left)
    assert all(change["advice"] for change in left)
    if how == "not answered":
        assert set(between.sent.values()) == {MOST_TRIES}
        assert {change["code"] for change in left} == {UNANSWERED}
    else:
        assert {change["attempts"] for change in left} == {1}


async def test_a_parked_record_without_an_answer_goes_alone_when_it_is_tried_again(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES_AT_ONCE)
    between = Between(road, faults.unknown_outcome("no answer"))
    road.reborn(records=between)
    await _companies(road, 100, 1)
    await road.work()
    (parked,) = await road.changes()
    assert (parked["state"], parked["code"]) == ("parked", UNANSWERED)
    healed = Between(road, None)
    road.reborn(records=healed)
    await road.app.execute("UPDATE isthmus.change SET state = 'pending', due = NULL, attempts = 0")
    await _companies(road, 10, 1)
    await road.work()
    assert await road.changes() == []
    assert 1 in healed.sizes
    assert len(road.org.rows("Account")) == 110


async def test_where_nobody_is_answered_nobody_is_blamed_and_the_rest_stays_here(make_road: MakeRoad) -> None:
    step = replace(COMPANIES, batch_size=5)
    road = await make_road(step)
    between = Between(road, faults.unknown_outcome("no answer"))
    road.reborn(records=between)
    await _companies(road, 150, 150)
    await road.worker.round()
    assert 10 <= len(between.sizes) < 30
    states = Counter(change["state"] for change in await road.changes())
    assert states["parked"] == 0
    assert states["pending"] > 0
    assert {change["attempts"] for change in await road.changes() if change["state"] == "pending"} == {0}


_BARRED = Failure(
    FailureKind.PERMISSION, Reason.PERMISSION, "API_DISABLED_FOR_ORG", "API is not enabled.", "Grant it."
)
_NOT_DESCRIBED = replace(_BARRED, kind=FailureKind.CONFIGURATION, code="NOT_FOUND")
_AWAY = replace(_BARRED, kind=FailureKind.TRANSIENT, code="HTTP_503")


@pytest.mark.parametrize(
    ("failure", "untried"),
    [(_BARRED, False), (_NOT_DESCRIBED, True), (_AWAY, True)],
    ids=lambda x: str(x)[:1],
)
@pytest.mark.parametrize("alone", [True, False])
async def test_what_fails_whole_for_no_record_costs_none_an_attempt(
    make_road: MakeRoad, failure: Failure, untried: bool, alone: bool
) -> None:
    road = await make_road(COMPANIES)
    key = None if alone else (await paired_company(road))[0]

    class Barred(Between):
        async def write(
            self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
        ) -> list[WriteResult]:
            if not any("bad" in str(write.values.get("Name")) for write in writes):
                return await super().write(name, fields, writes)
            self.sizes.append(len(writes))
            return [WriteResult(id=w.id, failure=failure, shared=True, untried=untried) for w in writes]

    barred = Barred(road, None)
    road.reborn(records=barred)
    await _companies(road, 40, 40)
    if key is not None:
        await road.update("company", key, phone="answered beside it")
    await road.worker.round()
    await road.worker.round()
    changes = await road.changes()
    assert len(changes) == 40
    assert {(c["state"], c["attempts"], c["code"]) for c in changes} == {("pending", 0, failure.code)}
    assert set(barred.sizes) <= {40, 1}, "not divided"
    assert barred.sizes.count(1) <= 1


async def test_a_backlog_that_meets_one_bar_tells_of_it_once(
    make_road: MakeRoad, capsys: pytest.CaptureFixture[str]
) -> None:
    road = await make_road(COMPANIES)

    class Barred(Between):
        async def write(
            self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
        ) -> list[WriteResult]:
            self.sizes.append(len(writes))
            return [WriteResult(id=w.id, failure=_BARRED, shared=True) for w in writes]

    barred = Barred(road, None)
    road.reborn(records=barred)
    for number in range(3):
        await road.insert("company", name=f"n{number}", ext_id=f"n{number}")
        await road.worker.round()
    assert barred.sizes == [1, 1, 1]
    assert capsys.readouterr().out.count("writes_barred") == 1


async def test_a_batch_that_the_org_cannot_bear_is_divided_and_its_size_is_learned(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES_AT_ONCE)

    class Weak(Between):
        async def write(
            self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
        ) -> list[WriteResult]:
            if len(writes) > 60:
                self.sizes.append(len(writes))
                message = "IsthmusTest: System.LimitException: Apex CPU time limit exceeded"
                failure = faults.of_record(
                    [{"statusCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "message": message}]
                )
                return [WriteResult(failure=failure, shared=True) for _ in writes]
            return await super().write(name, fields, writes)

    weak = Weak(road, None)
    road.reborn(records=weak)
    await _companies(road, 200, 1)
    await road.work()
    assert weak.sizes == [200, 100, 50, 50, 100, 50, 50]
    assert road.meter.gauged("isthmus_batch_size", object="Account") == 100
    assert len(road.org.rows("Account")) == 200
    learned = []
    for count in (100, 50, 60):
        await _companies(road, count, 1)
        await road.work()
        learned.append(road.meter.gauged("isthmus_batch_size", object="Account"))
    assert learned == [50, 60, 70]
    assert await road.changes() == []


@pytest.mark.requirement("S4-78", "S4-79")
async def test_a_slow_batch_is_told_of_once(make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.flow.delivery.SLOW_SECONDS", 0.0)
    road = await make_road(COMPANIES)
    with capture_logs() as logs:
        for _ in range(2):
            await _companies(road, 4, 1)
            await road.work()
    (hint,) = [entry for entry in logs if entry["event"] == "slow_batch"]
    assert (hint["object"], hint["records"]) == ("Account", 4)
    assert "triggers, flows and process builders of Account" in hint["advice"]
    assert "pause them while a whole table is loaded" in hint["advice"]
    assert "batch_size of step companies" in hint["advice"]
    assert set(hint) >= {"seconds", "step"}


async def test_an_update_that_is_never_answered_is_parked_and_its_record_stays_in_step_otherwise(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES_AT_ONCE)
    key, sf_id = await paired_company(road)
    between = Between(road, faults.unknown_outcome("no answer"))
    road.reborn(records=between)
    await road.insert("company", name="Good")
    await road.work()
    await road.update("company", key, name="bad name")
    await road.work()
    assert between.sent["bad name"] == MOST_TRIES
    (parked,) = [change for change in await road.changes() if change["side"] == "postgres"]
    assert (parked["state"], parked["code"]) == ("parked", UNANSWERED)
    road.org.update("Account", sf_id, {"Phone": "from there"})
    await road.settle()
    row = await road.row("company", key)
    assert row is not None
    assert (row["phone"], row["name"]) == ("from there", "bad name")
    road.reborn()
    await road.app.execute("UPDATE isthmus.change SET state = 'pending', due = NULL, attempts = 0")
    await road.settle()
    assert road.record("Account", sf_id)["Name"] == "bad name"
    await road.in_step()
    await road.quiet()


class Away(Between):
    """Salesforce turns every request away."""

    def __init__(self, road: Road) -> None:
        super().__init__(road, None)
        self.calls: list[tuple[str, int]] = []

    async def write(
        self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        self.calls.append((writes[0].call[0], len(writes)))
        failure = Failure(FailureKind.TRANSIENT, Reason.TRANSPORT, "SERVER_UNAVAILABLE", "away", "wait")
        return [WriteResult(id=write.id, failure=failure, shared=True) for write in writes]


@pytest.mark.parametrize(("most", "learned"), [(200, 200), (8, 4)])
async def test_a_request_that_is_small_by_its_kind_says_nothing_of_larger_ones_when_it_is_turned_away(
    make_road: MakeRoad, most: int, learned: int
) -> None:
    road = await make_road(replace(COMPANIES_AT_ONCE, batch_size=most))
    await _companies(road, 3, 1)
    await road.settle()
    shift(road, 5)
    away = Away(road)
    road.reborn(records=away)
    await road.app.execute("UPDATE app.company SET phone = '9'")
    await road.worker.round()
    assert away.calls == [("conditional", 3)]
    assert road.meter.gauged("isthmus_batch_size", object="Account") == learned


async def test_what_says_until_when_it_waits_waits_no_longer(
    make_road: MakeRoad, capsys: pytest.CaptureFixture[str]
) -> None:
    """A write that needs to know something of Salesforce first, while nothing can be asked for a moment."""
    road = await make_road(COMPANIES)

    class Shut(Between):
        async def write(
            self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
        ) -> list[WriteResult]:
            until = road.parts.clock.now() + timedelta(seconds=20)
            failure = Failure(
                FailureKind.TRANSIENT, Reason.TRANSPORT, "CIRCUIT_OPEN", "shut", "", until=until
            )
            return [WriteResult(id=w.id, failure=failure, shared=True, untried=True) for w in writes]

    road.reborn(records=Shut(road, None))
    await road.insert("company", name="Acme")
    await road.worker.round()
    (change,) = await road.changes()
    assert (change["state"], change["attempts"], change["code"]) == ("pending", 0, "CIRCUIT_OPEN")
    assert change["due"] <= road.parts.database_now() + timedelta(seconds=25)
    assert "writes_barred" not in capsys.readouterr().out
