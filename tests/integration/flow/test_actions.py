"""What a step does beside the sync: functions, rows of other tables, webhooks."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from adapters.webhook import Poster
from daemon.domain.action import Action, CallFunction, InsertRow, PostWebhook, Target
from daemon.domain.failure import (
    CallFailedError,
    DatabaseFailedError,
    Failure,
    FailureKind,
    NotFoundError,
    Reason,
    UsageError,
)
from daemon.domain.mapping import Step
from daemon.domain.side import Direction
from daemon.flow.deliveries import PACE, Deliveries
from daemon.operations import actions
from daemon.ports.actions import Outbox, Reply
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road
from tests.support.road_steps import COMPANIES

ENROL = """
CREATE TABLE app.sequence_people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, company bigint NOT NULL, sequence text NOT NULL, url text, event text
);
CREATE FUNCTION app.enrol(run jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM app.company AS c WHERE c.id = (run ->> 'key')::bigint AND c.name LIKE 'Bad%') THEN
        RAISE EXCEPTION 'no sequence for this one';
    END IF;
    INSERT INTO app.sequence_people (company, sequence, url, event)
    VALUES ((run ->> 'key')::bigint, 'welcome', run ->> 'url', run ->> 'event');
END $$;
"""
FUNCTION = CallFunction("app.enrol")
INSERT = InsertRow(
    "app.sequence_people", {"company": "$key", "sequence": "welcome", "url": "$url", "event": "$event"}
)


def with_action(
    target: Target, direction: Direction = Direction.PULL, *, exclude_updated: bool = False
) -> Step:
    return replace(COMPANIES, actions=(Action("enrol", target, direction, exclude_updated),))


async def acting_road(make_road: MakeRoad, step: Step) -> Road:
    road = await make_road(step)
    await road.app.execute(ENROL)
    return road


async def enrolled(road: Road) -> list[tuple[str, str]]:
    rows = await road.app.fetch(
        "SELECT c.name, s.event FROM app.sequence_people AS s JOIN app.company AS c ON c.id = s.company ORDER BY s.id"
    )
    return [(row["name"], row["event"]) for row in rows]


async def came_in(road: Road, *names: str) -> list[str]:
    ids = [road.org.create("Account", {"Name": name}) for name in names]
    await road.settle()
    return [str(sf_id) for sf_id in ids]


@pytest.mark.requirement("S1-66")
@pytest.mark.parametrize("target", [FUNCTION, INSERT], ids=["function", "insert"])
async def test_each_record_that_comes_in_is_acted_upon_once(make_road: MakeRoad, target: Target) -> None:
    road = await acting_road(make_road, with_action(target))
    await came_in(road, "Acme", "Bolt")
    assert await enrolled(road) == [("Acme", "created"), ("Bolt", "created")]
    position = road.position
    road.org.create("Account", {"Name": "Cog"})
    await road.settle()
    await road.replay(position)
    await road.settle()
    assert await enrolled(road) == [("Acme", "created"), ("Bolt", "created"), ("Cog", "created")]
    await road.quiet()


@pytest.mark.requirement("S1-70")
async def test_with_exclude_updated_an_update_does_nothing_more(make_road: MakeRoad) -> None:
    road = await acting_road(make_road, with_action(FUNCTION, exclude_updated=True))
    [sf_id] = await came_in(road, "Acme")
    road.org.update("Account", sf_id, {"Phone": "1"})
    await road.settle()
    assert [row["phone"] for row in await road.rows("company")] == ["1"]
    assert await enrolled(road) == [("Acme", "created")]


@pytest.mark.requirement("S1-71")
async def test_without_exclude_updated_an_update_acts_again(make_road: MakeRoad) -> None:
    road = await acting_road(make_road, with_action(FUNCTION))
    [sf_id] = await came_in(road, "Acme")
    road.org.update("Account", sf_id, {"Phone": "1"})
    await road.settle()
    assert await enrolled(road) == [("Acme", "created"), ("Acme", "updated")]


@pytest.mark.requirement("S1-68")
async def test_an_action_that_was_removed_is_done_no_more(make_road: MakeRoad) -> None:
    road = await acting_road(make_road, with_action(FUNCTION))
    await came_in(road, "Acme")
    road.reconfigured(COMPANIES)
    await came_in(road, "Bolt")
    assert len(await road.rows("company")) == 2
    assert await enrolled(road) == [("Acme", "created")]


async def test_a_first_load_acts_for_each_record(make_road: MakeRoad) -> None:
    road = await acting_road(make_road, with_action(INSERT))
    for name in ("Acme", "Bolt"):
        road.org.create("Account", {"Name": name})
    await road.load()
    assert sorted(await enrolled(road)) == [("Acme", "created"), ("Bolt", "created")]


async def test_what_goes_out_acts_where_the_action_says_so(make_road: MakeRoad) -> None:
    road = await acting_road(make_road, with_action(FUNCTION, Direction.TWO_WAY))
    key = await road.insert("company", name="Acme")
    await road.settle()
    await road.update("company", key, phone="2")
    await road.settle()
    assert await enrolled(road) == [("Acme", "created"), ("Acme", "updated")]
    await road.quiet()


async def test_a_lost_reply_to_a_create_acts_once(make_road: MakeRoad) -> None:
    road = await acting_road(make_road, with_action(FUNCTION, Direction.PUSH))
    await road.control.fault(action="drop_reply", path="/composite/sobjects")
    await road.insert("company", name="Acme")
    await road.settle()
    assert await enrolled(road) == [("Acme", "created")]


async def test_an_action_of_one_step_is_captured_for_another(make_road: MakeRoad) -> None:
    """What an action writes is the application's own: it goes on to Salesforce where it is mapped."""
    road = await acting_road(
        make_road,
        with_action(InsertRow("app.company", {"name": "$$copy", "phone": "$sf_id"}), exclude_updated=True),
    )
    [sf_id] = await came_in(road, "Acme")
    copies = [record for record in road.org.rows("Account") if record["Name"] == "$copy"]
    assert [record["Phone"] for record in copies] == [sf_id]


@pytest.mark.parametrize("target", [FUNCTION, INSERT], ids=["function", "insert"])
async def test_one_that_fails_keeps_no_record_back_and_is_tried_again(
    make_road: MakeRoad, target: Target
) -> None:
    road = await acting_road(make_road, with_action(target))
    if target is INSERT:
        await road.app.execute("ALTER TABLE app.sequence_people ADD CHECK (company % 2 = 1)")
    for name in ("Good", "Bad", "Good too"):
        road.org.create("Account", {"Name": name})
    await road.settle()
    assert [row["name"] for row in await road.rows("company")] == ["Good", "Bad", "Good too"]
    assert await enrolled(road) == [("Good", "created"), ("Good too", "created")]
    [stored] = (await road.outbox.list()).items
    assert (stored["action"], stored["state"], stored["attempts"]) == ("enrol", "pending", 1)
    assert stored["message"]
    await road.app.execute(
        "ALTER TABLE app.sequence_people DROP CONSTRAINT IF EXISTS sequence_people_company_check"
    )
    await road.app.execute("UPDATE app.company SET name = 'Better' WHERE name = 'Bad'")
    await actions.retry(road.office, ids=[stored["id"]], step=None, action=None, operator="me")
    await deliveries(road).round()
    assert ("Better", "created") in await enrolled(road)
    assert (await road.outbox.list()).items == ()


@dataclass
class Receiver:
    """An address that keeps what it was sent, and answers as it is told."""

    url: str = ""
    status: int = 204
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.taken.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, text="" if self.status == 204 else "not now")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/hook"
    yield receiver
    await runner.cleanup()


def deliveries(road: Road) -> Deliveries:
    return Deliveries(road.parts, road.outbox, Poster(), lambda step, action: "s3cret")


async def test_a_webhook_is_signed_and_delivered_after_the_record(
    make_road: MakeRoad, receiver: Receiver
) -> None:
    road = await acting_road(make_road, with_action(PostWebhook(receiver.url)))
    [sf_id] = await came_in(road, "Acme")
    assert receiver.taken == []
    await deliveries(road).round()
    [(headers, body)] = receiver.taken
    told = json.loads(body)
    assert (told["event"], told["sf_id"], told["key"], told["object"]) == ("created", sf_id, "1", "Account")
    stamp, signed = (part.partition("=")[2] for part in headers["Isthmus-Signature"].split(","))
    expected = hmac.new(b"s3cret", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert signed == expected
    assert headers["Isthmus-Delivery"] == str(told["id"])
    await deliveries(road).round()
    assert len(receiver.taken) == 1


async def test_an_address_that_refuses_is_tried_again_and_parked_in_the_end(
    make_road: MakeRoad, receiver: Receiver
) -> None:
    road = await acting_road(make_road, with_action(PostWebhook(receiver.url)))
    receiver.status = 503
    await came_in(road, "Acme")
    for _ in range(PACE.attempts):
        await road.app.execute("UPDATE isthmus.action SET due = now() WHERE state = 'pending'")
        await deliveries(road).round()
    [stored] = (await road.outbox.list()).items
    assert (stored["state"], stored["code"], stored["due"]) == ("parked", "HTTP_503", None)
    assert "not now" in stored["message"]
    tried = len(receiver.taken)
    await deliveries(road).round()
    assert len(receiver.taken) == tried
    receiver.status = 200
    await actions.retry(road.office, ids=(), step="companies", action=None, operator="me")
    await deliveries(road).round()
    assert (await road.outbox.list()).items == ()


async def test_an_address_that_is_away_is_asked_once_a_round(make_road: MakeRoad) -> None:
    road = await acting_road(make_road, with_action(PostWebhook("http://127.0.0.1:9/hook")))
    await came_in(road, "Acme", "Bolt", "Cog")
    await deliveries(road).round()
    stored = (await road.outbox.list()).items
    assert sorted(item["attempts"] for item in stored) == [0, 0, 1]
    assert {item["code"] for item in stored} == {"WEBHOOK_UNREACHABLE"}


@pytest.mark.parametrize("held", [False, True], ids=["disabled", "held by a changed schema"])
async def test_a_step_that_does_not_run_for_a_while_keeps_its_stored_actions(
    make_road: MakeRoad, receiver: Receiver, held: bool
) -> None:
    step = with_action(PostWebhook(receiver.url))
    road = await acting_road(make_road, step)
    await came_in(road, "Acme")
    still = Step(step.name, step.object, step.table, step.direction, (), still="its table is gone")
    road.reconfigured(*([still] if held else []))
    await deliveries(road).round()
    assert receiver.taken == []
    road.reconfigured(step)
    await deliveries(road).round()
    assert len(receiver.taken) == 1


async def test_an_address_that_refuses_holds_up_no_other(make_road: MakeRoad, receiver: Receiver) -> None:
    slow = Action("slow", PostWebhook("http://127.0.0.1:9/hook"), Direction.PULL)
    quick = Action("quick", PostWebhook(receiver.url), Direction.PULL)
    road = await acting_road(make_road, replace(COMPANIES, actions=(slow, quick)))
    await road.app.execute(
        "INSERT INTO isthmus.action (step, action, event, direction, at, object, sf_id, table_name, key, state, attempts, due)"
        " SELECT 'companies', 'slow', 'created', 'pull', now(), 'Account', '001', 'app.company', '1', 'pending', 0,"
        " now() - interval '1 minute' FROM generate_series(1, 500)"
    )
    await came_in(road, "Acme")
    await deliveries(road).round()
    assert len(receiver.taken) == 1


@pytest.mark.parametrize("direction", [Direction.PULL, Direction.PUSH])
async def test_a_deferred_constraint_is_told_under_the_savepoint(
    make_road: MakeRoad, direction: Direction
) -> None:
    road = await acting_road(make_road, with_action(InsertRow("app.child", {"company": "$key"}), direction))
    await road.app.execute(
        "CREATE TABLE app.parent (id bigint PRIMARY KEY);"
        "CREATE TABLE app.child (company bigint REFERENCES app.parent DEFERRABLE INITIALLY DEFERRED)"
    )
    if direction is Direction.PUSH:
        await road.insert("company", name="Acme")
        await road.settle()
    else:
        await came_in(road, "Acme")
    assert [item["code"] for item in (await road.outbox.list()).items] == ["23503"]
    assert len(await road.links()) == 1
    assert await road.changes() == []
    await road.app.execute("UPDATE isthmus.action SET due = now()")
    await deliveries(road).round()
    assert [item["attempts"] for item in (await road.outbox.list()).items] == [2]


class Answering:
    """An address that answers without a network."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        return self._reply


async def test_what_a_receiver_says_can_always_be_stored(make_road: MakeRoad) -> None:
    road = await acting_road(make_road, with_action(PostWebhook("https://hooks.example.com/x")))
    await came_in(road, "Acme")
    said = Answering(Reply(400, "a\x00b"))
    await Deliveries(road.parts, road.outbox, said, lambda step, action: None).round()
    [stored] = (await road.outbox.list()).items
    assert stored["code"] == "HTTP_400"


@pytest.mark.parametrize("url", ["https://a..b/", f"https://{'a' * 70}.com/"])
async def test_a_host_that_is_no_name_is_a_failure_like_any_other(url: str) -> None:
    with pytest.raises(CallFailedError, match="WEBHOOK_UNREACHABLE"):
        await Poster().post(url, {}, b"{}")


class Forgetful:
    """An outbox whose database goes away once."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    async def forget(self, ids: Sequence[int]) -> None:
        if not self.failed:
            self.failed = True
            raise DatabaseFailedError(
                Failure(FailureKind.TRANSIENT, Reason.TRANSPORT, "57P01", "The server ends.", "Wait.")
            )
        await self._outbox.forget(ids)


async def test_a_database_that_goes_away_is_a_failed_call_and_ends_nothing(
    make_road: MakeRoad, receiver: Receiver
) -> None:
    road = await acting_road(make_road, with_action(PostWebhook(receiver.url)))
    await came_in(road, "Acme")
    outbox: Any = Forgetful(road.outbox)
    posting = Deliveries(road.parts, outbox, Poster(), lambda step, action: None)
    with pytest.raises(CallFailedError):
        await posting.round()
    await posting.round()
    assert (await road.outbox.list()).items == ()


async def test_a_stored_action_that_is_configured_no_more_is_dropped(
    make_road: MakeRoad, receiver: Receiver
) -> None:
    road = await acting_road(make_road, with_action(PostWebhook(receiver.url)))
    await came_in(road, "Acme")
    road.reconfigured(COMPANIES)
    await deliveries(road).round()
    assert receiver.taken == []
    assert (await road.outbox.list()).items == ()


async def test_an_operator_discards_with_a_reason(make_road: MakeRoad, receiver: Receiver) -> None:
    road = await acting_road(make_road, with_action(PostWebhook(receiver.url)))
    await came_in(road, "Acme")
    [stored] = (await road.outbox.list(step="companies", action="enrol")).items
    assert await actions.discard(road.office, [stored["id"]], "the receiver was retired", "me") == {
        "discarded": 1
    }
    with pytest.raises(NotFoundError):
        await actions.discard(road.office, [stored["id"]], "again", "me")
    with pytest.raises(UsageError):
        await actions.retry(road.office, ids=(), step=None, action=None, operator="me")
    acts = await road.app.fetch("SELECT action, request::text FROM isthmus.command")
    assert any("retired" in act["request"] for act in acts)


async def test_a_function_that_hangs_holds_the_records_up_for_seconds_alone(make_road: MakeRoad) -> None:
    road = await acting_road(make_road, with_action(CallFunction("app.sleepy")))
    await road.app.execute(
        "CREATE FUNCTION app.sleepy(run jsonb) RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(60)'"
    )
    await came_in(road, "Acme", "Bolt")
    assert len(await road.rows("company")) == 2
    assert {item["code"] for item in (await road.outbox.list()).items} == {"57014"}
