"""aiosfstream-ng listens to change events: its logins, where it starts, and how it goes on when something ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aiosfstream_ng.auth import PasswordAuthenticator, RefreshTokenAuthenticator
from aiosfstream_ng.client import Client, ReplayMarkerStoragePolicy
from aiosfstream_ng.exceptions import AuthenticationError, ServerError
from aiosfstream_ng.replay import ReplayMarker, ReplayOption

from tests.judges.programs.playing import Org, holds, main, same

ALL = "/data/ChangeEvents"


class Password(PasswordAuthenticator):
    """The username-password flow; the library leaves no other way to name the login host."""

    def __init__(self, org: Org, *, username: str = "", consumer_secret: str = "") -> None:
        super().__init__(
            org.facts["client_id"],
            consumer_secret or org.facts["client_secret"],
            username or org.facts["username"],
            "secret",
        )
        self._host = org.url

    @property
    def _token_url(self) -> str:
        return f"{self._host}/services/oauth2/token"


class Refresh(RefreshTokenAuthenticator):
    """The refresh token flow."""

    def __init__(self, org: Org, token: str) -> None:
        super().__init__(org.facts["client_id"], org.facts["client_secret"], token)
        self._host = org.url

    @property
    def _token_url(self) -> str:
        return f"{self._host}/services/oauth2/token"


def listener(org: Org, **options: Any) -> Any:
    """A client that knows the password."""
    return Client(Password(org), **options)


async def heard(client: Any, count: int) -> list[dict[str, Any]]:
    """The next messages."""
    return [await client.receive() for _ in range(count)]


async def make(org: Org, sobject: str, *codes: str) -> list[str]:
    """Records with these codes, made while the client goes on."""
    return await asyncio.to_thread(org.create, sobject, *({"Code__c": code} for code in codes))


async def control(org: Org, command: str, body: object = None) -> Any:
    return await asyncio.to_thread(org.control, "POST", command, body)


def codes(messages: Iterable[dict[str, Any]]) -> list[Any]:
    return [message["data"]["payload"]["Code__c"] for message in messages]


def header(message: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = message["data"]["payload"]["ChangeEventHeader"]
    return found


async def refusal(channel: str, client: Any) -> Any:
    """The error with which the org refuses a channel."""
    try:
        await client.subscribe(channel)
    except ServerError as error:
        return error
    raise AssertionError(f"{channel} should have been refused")


async def life(org: Org) -> None:
    before = (await asyncio.to_thread(org.control, "GET", "state?objects=User"))["clients"]
    client = listener(org)
    same(client.closed, True)
    await client.open()
    same((client.closed, client.connection_type.value), (False, "long-polling"))
    await client.subscribe(ALL)
    await client.subscribe("/data/Tide_New__ChangeEvent")
    same(client.subscriptions, {ALL, "/data/Tide_New__ChangeEvent"})
    [made] = await make(org, "Tide_New__c", "life")
    both = await heard(client, 2)
    same(sorted(message["channel"] for message in both), sorted([ALL, "/data/Tide_New__ChangeEvent"]))
    same([header(message)["recordIds"] for message in both], [[made], [made]])
    await client.unsubscribe(ALL)
    same(client.subscriptions, {"/data/Tide_New__ChangeEvent"})
    await make(org, "Tide_New__c", "life-2")
    await make(org, "Tide_New__c", "life-3")
    same([message["channel"] for message in await heard(client, 2)], ["/data/Tide_New__ChangeEvent"] * 2)
    await client.close()
    same(client.closed, True)
    after = (await asyncio.to_thread(org.control, "GET", "state?objects=User"))["clients"]
    same(after, before, "it said goodbye")


async def bodies(org: Org) -> None:
    async with listener(org) as client:
        await client.subscribe("/data/Ledger__ChangeEvent")
        [made] = await make(org, "Ledger__c", "body")
        await asyncio.to_thread(org.change, "Ledger__c", made, {"Amount__c": 2.5, "Code__c": None})
        await asyncio.to_thread(org.change, "Ledger__c", made, None)
        created, changed, gone = await heard(client, 3)
    same([header(one)["changeType"] for one in (created, changed, gone)], ["CREATE", "UPDATE", "DELETE"])
    same((created["data"]["payload"]["Code__c"], header(created)["changedFields"]), ("body", []))
    same(set(header(changed)["changedFields"]), {"Amount__c", "Code__c", "LastModifiedDate"})
    payload = changed["data"]["payload"]
    same((payload["Amount__c"], payload["Code__c"], len(payload)), (2.5, None, 4))
    same(list(gone["data"]["payload"]), ["ChangeEventHeader"])


async def events_that_say_little(org: Org) -> None:
    async with listener(org) as client:
        await client.subscribe("/data/Ledger__ChangeEvent")
        [made] = await make(org, "Ledger__c", "gap")
        gap = {"object": "Ledger__c", "changeType": "GAP_UPDATE", "recordIds": [made]}
        await control(org, "events/inject", gap)
        await control(org, "events/inject", {"object": "Ledger__c"})
        await control(org, "events/inject", {"object": "Ledger__c", "changeType": "UPDATE", "wildcard": True})
        _, gap, overflow, wildcard = await heard(client, 4)
    same((header(gap)["changeType"], header(gap)["recordIds"]), ("GAP_UPDATE", [made]))
    same(
        (header(overflow)["changeType"], header(overflow)["recordIds"]),
        ("GAP_OVERFLOW", ["000000000000000AAA"]),
    )
    same(header(wildcard)["recordIds"], [f"{made[:3]}*"])


async def more_than_one_answer_holds(org: Org) -> None:
    rows: list[dict[str, object]] = [{"Code__c": f"many-{number:03}"} for number in range(600)]
    async with listener(org) as client:
        await client.subscribe("/data/Ledger__ChangeEvent")
        for start in range(0, 600, 200):
            await asyncio.to_thread(org.collect, "Ledger__c", rows[start : start + 200])
        same(codes(await heard(client, 600)), [row["Code__c"] for row in rows])


async def only_what_is_new(org: Org) -> None:
    await make(org, "Tide_Quiet__c", "old")
    async with listener(org, replay=ReplayOption.NEW_EVENTS) as client:
        await client.subscribe("/data/Tide_Quiet__ChangeEvent")
        await make(org, "Tide_Quiet__c", "new")
        same(codes(await heard(client, 1)), ["new"])


async def everything_retained(org: Org) -> None:
    others: list[dict[str, object]] = [{"Kind__c": "Gold"}] * 200
    for _ in range(3):  # behind more events of others than one answer holds
        await asyncio.to_thread(org.collect, "Tide_New__c", others)
    await make(org, "Tide_All__c", *(f"a-{number}" for number in range(30)))
    async with listener(org, replay=ReplayOption.ALL_EVENTS) as client:
        await client.subscribe("/data/Tide_All__ChangeEvent")
        same(codes(await heard(client, 30)), [f"a-{number}" for number in range(30)])
        await make(org, "Tide_All__c", "later")
        same(codes(await heard(client, 1)), ["later"])


async def where_it_stopped(org: Org) -> None:
    channel = "/data/Tide_After__ChangeEvent"
    kept: dict[str, ReplayMarker] = {}
    async with listener(org, replay=kept) as client:
        await client.subscribe(channel)
        await make(org, "Tide_After__c", "a", "b")
        first, _ = await heard(client, 2)
    same(list(kept), [channel])
    await make(org, "Tide_After__c", "c")
    async with listener(org, replay=kept) as client:
        await client.subscribe(channel)
        await make(org, "Tide_After__c", "d")
        same(codes(await heard(client, 2)), ["c", "d"])
    marker = ReplayMarker(
        date=first["data"]["payload"]["CreatedDate"], replay_id=first["data"]["event"]["replayId"]
    )
    async with listener(org, replay={channel: marker}) as client:
        await client.subscribe(channel)
        same(codes(await heard(client, 3)), ["b", "c", "d"])


async def what_was_not_settled(org: Org) -> None:
    channel = "/data/Tide_Closed__ChangeEvent"
    manual: dict[str, Any] = {"replay": {}, "replay_storage_policy": ReplayMarkerStoragePolicy.MANUAL}
    async with listener(org, **manual) as client:
        await client.subscribe(channel)
        await make(org, "Tide_Closed__c", "a", "b")
        first, _second = await heard(client, 2)
        await client.replay_storage.extract_replay_id(
            first
        )  # the second one was received, but not dealt with
    async with listener(org, **manual) as client:
        await client.subscribe(channel)
        same(codes(await heard(client, 1)), ["b"])


async def an_expired_position(org: Org) -> None:
    channel = "/data/Tide_Expired__ChangeEvent"
    kept: dict[str, ReplayMarker] = {}
    async with listener(org, replay=kept) as client:
        await client.subscribe(channel)
        await make(org, "Tide_Expired__c", "a")
        await heard(client, 1)
    await make(org, "Tide_Expired__c", "b", "c")
    await control(org, "replay/expire", {"keep": 1})
    async with listener(org, replay=dict(kept)) as client:
        error = await refusal(channel, client)
        same(error.error_code, 400)
        text = f"The replayId {{{kept[channel].replay_id}}} you provided was invalid.  Please provide a valid ID, -2 to replay"
        holds(str(error.error_message).startswith(text), str(error.error_message))
    async with listener(org, replay=kept, replay_fallback=ReplayOption.ALL_EVENTS) as client:
        await client.subscribe(channel)
        same(codes(await heard(client, 1)), ["c"])
    await control(org, "replay/expire", {"reset": True})
    async with listener(org, replay=kept) as client:
        same((await refusal(channel, client)).error_code, 400)


async def refused_channels(org: Org) -> None:
    async with listener(org) as client:
        misspelt = await refusal("/data/Nothing__ChangeEvent", client)
        same(misspelt.error_code, 400)
        holds("doesn't exist" in str(misspelt.error_message), str(misspelt.error_message))
        await control(org, "permissions", {"object": "Bulk__c", "view_all": False})
        closed = await refusal("/data/Bulk__ChangeEvent", client)
        same(closed.error_code, 403)
        holds("View All Data" in str(closed.error_message), str(closed.error_message))
        await client.subscribe("/data/Ledger__ChangeEvent")  # a refusal ends nothing else
        await make(org, "Ledger__c", "still")
        same(codes(await heard(client, 1)), ["still"])


async def lost_sessions(org: Org) -> None:
    async with listener(org, replay={}) as client:
        await client.subscribe("/data/Tide_Lost__ChangeEvent")
        await make(org, "Tide_Lost__c", "0")
        found = codes(await heard(client, 1))
        for number in ("1", "2", "3"):
            holds((await control(org, "stream/drop-sessions"))["dropped"] >= 1, "a session was there to lose")
            await make(org, "Tide_Lost__c", number)
            found += codes(await heard(client, 1))
    same(found, ["0", "1", "2", "3"])


async def refused_logins(org: Org) -> None:
    cases = (
        (Password(org, username="nobody@example.com"), "invalid_grant"),
        (Password(org, consumer_secret="guessed"), "invalid_client"),
        (Refresh(org, "5Aep861unknown"), "invalid_grant"),
    )
    for authenticator, code in cases:
        try:
            await Client(authenticator).open()
        except AuthenticationError as error:
            same(error.args[1]["error"], code)
        else:
            raise AssertionError(f"{authenticator!r} should have been refused with {code}")


async def too_many_clients(org: Org) -> None:
    await control(org, "switches", {"concurrent_clients": 0})
    try:
        await listener(org).open()
    except ServerError as error:
        same(error.error_code, 403)
        reason = error.args[1]["ext"]["sfdc"]["failureReason"]
        same(reason, "403::Organization concurrent user limit exceeded")
    else:
        raise AssertionError("a client too many was let in")
    finally:
        await control(org, "switches", {"concurrent_clients": 1000})


async def ended_tokens(org: Org) -> None:
    async with listener(org, replay={}) as client:
        await client.subscribe("/data/Tide_Token__ChangeEvent")
        found = []
        for code in ("a", "b", "c"):
            await make(org, "Tide_Token__c", code)
            found += codes(await heard(client, 1))
            await control(org, "tokens/expire")  # it meets 401 in a parked connect, logs in again and goes on
        await make(org, "Tide_Token__c", "d")
        same([*found, *codes(await heard(client, 1))], ["a", "b", "c", "d"])
    turned = (await control(org, "refresh/issue"))["refresh_token"]
    authenticator = Refresh(org, turned)
    async with Client(authenticator, replay={}) as client:
        await client.subscribe("/data/Tide_Token__ChangeEvent")
        holds(authenticator.refresh_token != turned, "the refresh token turned")
        for code in ("e", "f"):
            await control(org, "tokens/expire")
            await make(org, "Tide_Token__c", code)
            same(codes(await heard(client, 1)), [code])


async def spent_allowance(org: Org) -> None:
    async with listener(org, replay={}) as client:
        await client.subscribe("/data/Tide_Limit__ChangeEvent")
        await make(org, "Tide_Limit__c", "a")
        same(codes(await heard(client, 1)), ["a"])
        await control(org, "switches", {"daily_event_limit": 1})
        await make(org, "Tide_Limit__c", "b")
        try:
            await client.receive()
        except ServerError as error:
            same(
                (error.error_code, error.error_message),
                (403, "Organization total events daily limit exceeded"),
            )
        else:
            raise AssertionError("an event came beyond the allowance")
        finally:
            await control(org, "switches", {"daily_event_limit": 0})


if __name__ == "__main__":
    main(globals())
