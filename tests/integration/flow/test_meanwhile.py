"""What happens on either side between two of our own steps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason
from daemon.domain.mapping import Step
from daemon.domain.policy import Policy
from daemon.flow import worker
from daemon.flow.cases import Case
from daemon.flow.gaps import whole_object
from daemon.flow.load import Loader
from daemon.flow.loading import batch
from daemon.flow.parts import Parts
from daemon.flow.sending import send
from daemon.ports.failpoints import Failpoint
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.test_bulk_load import companies, in_bulk
from tests.support.road import shift
from tests.support.road_steps import COMPANIES, PEOPLE, all_by, policy

OURS = all_by(COMPANIES, policy(Policy.POSTGRES))
NO_ANSWER = {"action": "answer", "status": 504, "path": "/composite/sobjects", "body": "gateway"}


async def test_a_row_that_gets_another_key_while_its_record_is_made_is_not_doubled(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = await make_road(COMPANIES)
    await road.insert("company", name="Acme", phone="1")
    calls: list[Step] = []

    async def send_and_rename(parts: Parts, step: Step, cases: Sequence[Case]) -> None:
        await send(parts, step, cases)
        calls.append(step)
        if len(calls) == 1:
            await road.app.execute("UPDATE app.company SET id = 99")

    monkeypatch.setattr(worker, "send", send_and_rename)
    await road.settle()
    assert [row["id"] for row in await road.rows("company")] == [99]
    assert len(road.org.rows("Account")) == 1
    assert (await road.link("companies", "99")).sf_id == road.org.rows("Account")[0]["Id"]
    await road.in_step()
    await road.app.execute("UPDATE isthmus.change SET due = NULL")  # it waits a second or two for the rename
    await road.settle()
    await road.quiet()


async def test_a_record_deleted_while_its_page_is_settled_makes_no_row(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    ids = road.org.load("Account", companies(30))
    await road.listen()
    read: list[Failpoint] = []

    class Deleting:
        async def reach(self, point: Failpoint) -> None:
            if point is Failpoint.PAGE_READ and not read:
                read.append(point)
                shift(road, 2)
                road.org.delete("Account", ids[3])
                await road.settle()

    await Loader(replace(road.parts, failpoints=Deleting()), bulk_from=10**9).first_loads()
    await road.settle()
    assert read
    assert len(await road.rows("company")) == 29
    await road.in_step()
    await road.quiet()


async def test_a_record_purged_while_it_is_read_in_bulk_makes_no_row(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "RECORDS", 1)
    road = await make_road(COMPANIES)
    ids = road.org.load("Account", companies(30))
    await road.listen()

    async def purge() -> None:
        shift(road, 2)
        road.org.delete("Account", ids[3])
        await road.control.post("purge", ids=[ids[3]])
        await road.settle()

    in_bulk(road, purge)
    await road.loader.first_loads()
    await road.settle()
    assert len(await road.rows("company")) == 29
    await road.in_step()
    await road.quiet()


async def test_a_first_create_that_lands_late_does_not_bring_back_what_it_said(make_road: MakeRoad) -> None:
    road = await make_road(OURS)
    key = await road.insert("company", name="Acme", phone="1")
    await road.control.fault(**NO_ANSWER)
    await road.worker.round()
    await road.update("company", key, phone="2")
    await road.control.fault(**NO_ANSWER)
    await road.worker.round()
    ext_id = (await road.row("company", key) or {})["ext_id"]
    road.org.create("Account", {"Name": "Acme", "Phone": "1", "Ext_Id__c": ext_id})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "2"
    await road.in_step()
    await road.quiet()


async def test_a_record_that_somebody_else_made_under_our_row_s_own_id_is_not_taken_for_ours(
    make_road: MakeRoad,
) -> None:
    road = await make_road(OURS)
    key = await road.insert("company", name="Ours", phone="ours", ext_id="E1")
    (change,) = await road.changes()
    await road.parts.store.mark_sent({change["id"]: {"Name": "Ours", "Phone": "ours", "Ext_Id__c": "E1"}}, [])
    shift(road, 5)
    road.org.create("Account", {"Name": "Theirs", "Phone": "theirs", "Ext_Id__c": "E1"})
    await road.settle()
    kept = (await road.row("company", key) or {})["phone"] == "ours"
    assert kept or any("ours" in str(entry["postgres"]) for entry in await road.ledger())


async def test_an_object_that_cannot_be_read_holds_back_its_own_step_alone(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    await road.load()
    real = road.parts.records

    class Denied:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        async def count(self, name: str, condition: str = "") -> int:
            if name == "Account":
                failure = Failure(
                    FailureKind.PERMISSION, Reason.PERMISSION, "INVALID_TYPE", "hidden", "grant it"
                )
                raise CallFailedError(failure)
            return await real.count(name)

    denied: Any = Denied()
    road.parts = replace(road.parts, records=denied)
    road.loader = Loader(road.parts, bulk_from=10**9)
    road.worker = worker.Worker(road.parts, road.loader.reload)
    async with road.parts.store.begin() as unit:
        await unit.store_changes([whole_object("companies", road.parts.clock.now())])
    await road.insert("person", last_name="Hill")
    await road.worker.round()
    assert len(road.org.rows("Contact")) == 1
    (waiting,) = [change for change in await road.changes() if change["step"] == "companies"]
    assert (waiting["state"], waiting["code"]) == ("pending", "INVALID_TYPE")
