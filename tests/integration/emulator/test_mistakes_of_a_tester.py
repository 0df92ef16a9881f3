"""What a tester writes wrongly, in a control command or a seed file, is refused in words that lead to the mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.emulator import Emulator, EmulatorOptions, HostRefused, KeysRefused, SeedRefused
from adapters.emulator.members import nearest, no_such
from daemon.compose.emulator import run_emulator
from daemon.domain.failure import ConfigurationError
from tests.support.plain_client import ALL_EVENTS, Answer, PlainClient, PlainStream


async def command(client: PlainClient, name: str, body: Any, method: str = "POST") -> Answer:
    token = f"Bearer {client.announcement.control_token}"
    return await client.send(method, f"/__control/{name}", auth=token, json=body)


async def refused(client: PlainClient, name: str, body: Any) -> str:
    """The error of a command that must be refused, and must leave the org as it was."""
    before = await standing(client)
    answer = await command(client, name, body)
    assert (answer.status, set(answer.body)) == (400, {"error"})
    assert await standing(client) == before
    return str(answer.body["error"])


async def standing(client: PlainClient) -> list[Any]:
    """What commands can change."""
    places = ("faults", "switches", "snapshots", "state")
    found = [await client.control("GET", place) for place in places]
    found[-1].pop("now")
    return [*found, (await command(client, "selection", {})).body]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (
            {},
            "name an action, or a status; the actions are answer, latency, hang, drop_reply, refuse_records",
        ),
        ({"api": "rows"}, "name an action, or a status"),
        ({"status": 503, "api": "row"}, "api must be one of rows, query, collections, "),
        ({"status": 503, "path": "("}, "path is no regular expression: missing )"),
        ({"status": 99}, "status must be a whole number from 200 to 599"),
        ({"status": "500"}, "status must be a whole number from 200 to 599"),
        ({"status": 503, "times": 0}, "times must be a whole number of 1 or more"),
        ({"status": 503, "rate": 2}, "rate must be a number from 0 to 1"),
        ({"status": 503, "method": "post"}, "method must be one of GET, "),
        ({"status": 503, "header": {}}, "unknown key header; known are headers, "),
        ({"status": 503, "headers": {"X": 1}}, "headers must be texts by their names"),
        ({"action": "drop"}, "action must be one of answer, latency, hang, drop_reply, refuse_records"),
        ({"action": "latency"}, "seconds is missing: "),
        ({"action": "latency", "seconds": True}, "seconds must be a number"),
        ({"action": "hang", "status": 503}, "the action hang does not take status; it takes seconds, "),
        ({"action": "refuse_records", "api": "rows"}, "the action refuse_records acts on the api coll"),
        ({"action": "refuse_records", "path": "/x"}, "the action refuse_records looks at records, "),
    ],
    ids=str,
)
async def test_a_fault_that_would_do_nothing_or_too_much(
    client: PlainClient, fault: dict[str, Any], error: str
) -> None:
    assert (await refused(client, "faults", fault)).startswith(error)


async def test_an_answer_that_a_fault_gave_is_marked(client: PlainClient) -> None:
    await client.control("POST", "faults", {"status": 503, "times": 1, "headers": {"Retry-After": "1"}})
    injected, own = await client.rest("GET", "limits"), await client.rest("GET", "limits")
    assert (injected.headers["X-Emulator-Fault"], injected.headers["Retry-After"]) == ("true", "1")
    assert "X-Emulator-Fault" not in own.headers


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"advanced": 60}, "unknown key advanced; known are advance, "),
        ({"advance": "60"}, "advance must be a number"),
        ({"advance": True}, "advance must be a number"),
        ({"freeze": "yes"}, "freeze must be true or false"),
        ({"freeze": True, "at": "tomorrow"}, "at must be seconds since 1970, or a text like 20"),
        ({"freeze": True, "at": False}, "at must be seconds since 1970, or a text like 20"),
        ({"at": 1_795_354_455}, "at is the instant to stop at: it goes with freeze: true"),
    ],
    ids=str,
)
async def test_a_clock_that_would_stand_wrong(client: PlainClient, body: dict[str, Any], error: str) -> None:
    assert (await refused(client, "clock", body)).startswith(error)


@pytest.mark.parametrize("at", [1_795_354_455, "2026-11-22T13:34:15Z", "2026-11-22T13:34:15.000+0000"])
async def test_the_clock_stops_at_a_number_or_a_text(client: PlainClient, at: object) -> None:
    answer = await client.control("POST", "clock", {"freeze": True, "at": at})
    assert answer == {"now": "2026-11-22T13:34:15.000+0000"}


@pytest.mark.parametrize(
    ("name", "body", "error"),
    [
        ("selection", {"objects": ["Acount"]}, "objects: there is no object Acount; did you mean Account? "),
        ("selection", {"objects": "Account"}, "objects must be a list of object names"),
        ("selection", {"object": ["Account"]}, "unknown key object; known are objects, "),
        ("selection", {"objects": [], "channels": []}, "channels must be a mapping"),
        ("selection", {"channels": {"A__chn": {"Acount": []}}}, "channels.A__chn: there is no object Acount"),
        (
            "selection",
            {"channels": {"A__chn": {"Account": ["X"]}}},
            "channels.A__chn.Account: Account has no",
        ),
        ("permissions", {"object": "Contact", "readabel": False}, "unknown key readabel; known are readable"),
        ("permissions", {"object": "Contact", "readable": 0}, "readable must be true or false"),
        ("permissions", {"object": "Contact", "field": "Fax", "deletable": False}, "unknown key deletable"),
        ("permissions", {"readable": False}, "object is missing"),
        ("lead-mapping", {"Case": {}}, "unknown key Case; known are "),
        ("lead-mapping", {"Contact": {"Nope__c": "Ext_Id__c"}}, "Lead has no field Nope__c"),
        ("lead-mapping", {"Contact": {"Email": "Email"}}, "Lead.Email is no custom field"),
        ("validation-rules", {"object": "Contact", "field": "Fax"}, "value or pattern is missing"),
        ("automation", {"object": "Contact", "field": "Fax"}, "template is missing"),
        ("duplicate-rules", {"object": "Lead", "fields": []}, "fields must be a list of field names, one"),
        ("events/inject", {"object": "Contact", "changeType": "GAP"}, "changeType must be one of CREATE, "),
        (
            "events/inject",
            {"object": "Contact", "recordIds": ["1"]},
            "recordIds must be a list of record ids",
        ),
        ("events/inject", {"object": "Contact", "recordIds": []}, "recordIds must be a list of record ids"),
        ("events/inject", {"object": "Contact", "ids": []}, "unknown key ids; known are "),
        ("replay/expire", {"keep": -1}, "keep must be a whole number of 0 or more"),
        ("tokens/issue", {"user": "a"}, "unknown key user; known are username"),
        ("locks", {"id": "1"}, "id must be a record id of 15 or 18 characters"),
        ("merge", {"winner": "001000000000000AAA"}, "losers is missing"),
        ("purge", {"id": "x"}, "id must be a record id"),
        ("snapshots", {"name": ""}, "name must be a text that is not empty"),
    ],
    ids=str,
)
async def test_a_command_that_names_what_there_is_not(
    client: PlainClient, name: str, body: dict[str, Any], error: str
) -> None:
    assert (await refused(client, name, body)).startswith(error)


async def test_a_refused_event_does_not_reach_the_stream(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL_EVENTS)
    await refused(client, "events/inject", {"object": "Contact", "changeType": "CHANGED"})
    account = await client.create("Account", Name="A")
    [event] = await stream.events(1)
    assert event["payload"]["ChangeEventHeader"]["recordIds"] == [account]


FIELDS = [
    ({"X__c": {"type": "text", "lenght": 40}}, "X__c: unknown attribute lenght; known are length, "),
    ({"X__c": {"type": "text", "length": "40"}}, "X__c: length must be a whole number of 1 or more"),
    ({"X__c": {"type": "txt"}}, "X__c: unknown type txt; known are text, "),
    ({"X__c": {"type": "text", "to": "Account"}}, "X__c: to belongs to a lookup or master_detail"),
    ({"A__c": {"type": "lookup", "to": "Acount"}}, "A__c: to: there is no object Acount; did you mean"),
    ({"A__c": {"type": "lookup"}}, "A__c: to is missing"),
    ({"Xx": {"type": "text"}}, "Xx: the name of a custom field ends in __c"),
    ({"Y__c": {"type": "text"}, "X__c": "text"}, "X__c: must be a mapping"),
]


@pytest.mark.parametrize(("fields", "error"), FIELDS, ids=str)
async def test_a_field_that_cannot_be_made_in_a_running_org(
    client: PlainClient, fields: dict[str, Any], error: str
) -> None:
    before = await client.rest("GET", "sobjects/Contact/describe")
    told = await refused(client, "fields", {"object": "Contact", "fields": fields})
    assert told.startswith(f"fields.Contact.{error}")
    assert (await client.rest("GET", "sobjects/Contact/describe")).body == before.body


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("fields: {Contact: {X__c: {type: text, lenght: 40}}}", "fields.Contact.X__c: unknown attribute lenght;"),
        ("fields: {Acount: {X__c: {type: text}}}", "fields.Acount: there is no object Acount; did you mean"),
        ("objects: {I__c: {fields: {T__c: {type: tex}}}}", "objects.I__c.fields.T__c: unknown type tex; "),
        ("objects: {I__c: {lable: I}}", "objects.I__c: unknown attribute lable; known are label, "),
        ("records: {Contact: [{LastName: A, AccountId: '@nobody'}]}",
         "records.Contact[1].AccountId: no record above has _ref: nobody"),
        ("selection: [Acount]", "selection: there is no object Acount; did you mean Account?"),
        ("selection: Account", "selection must be a list of object names"),
        ("channels: {A__chn: {Account: Name}}", "channels.A__chn: Account must be a list of field names"),
        ("generate: {Contact: -1}", "generate.Contact: must be a whole number of 0 or more"),
        ("generate: {Acount: 1}", "generate.Acount: INVALID_TYPE: "),
        ("lead_mapping: {Contact: [Ext_Id__c]}", "lead_mapping: Contact must be a mapping"),
        ("switches: {drop_sessions_ratio: 2}", "switches.drop_sessions_ratio: drop_sessions_ratio takes a number"),
        ("permissions: [{object: Contact, editabel: false}]", "permissions[1]: unknown key editabel; "),
    ],
)  # fmt: skip
async def test_a_seed_file_that_cannot_be_planted(
    tmp_path: Path, key_directory: Path, text: str, error: str
) -> None:
    with pytest.raises(SeedRefused) as told:
        await started(tmp_path, key_directory, text)
    assert str(told.value).startswith(error)


async def started(folder: Path, keys: Path, text: str) -> Emulator:
    seed = folder / "mistaken.yaml"
    seed.write_text(text, "utf-8")
    emulator = Emulator(EmulatorOptions(seed_file=seed, key_directory=keys))
    await emulator.start()
    return emulator


async def test_lookups_name_objects_of_the_same_file_in_any_order(
    tmp_path: Path, key_directory: Path
) -> None:
    emulator = await started(
        tmp_path,
        key_directory,
        "objects:\n"
        "  First__c: {fields: {Next__c: {type: lookup, to: second__c}}}\n"
        "  Second__c: {fields: {Before__c: {type: lookup, to: [First__c, Second__c]}}}\n"
        "records: {Account: [{Name: '@acme'}]}\n",
    )
    first, second = (emulator.org.records.sobject(name) for name in ("First__c", "Second__c"))
    assert first.by_name["next__c"].reference_to == ("Second__c",)
    assert second.by_name["before__c"].reference_to == ("First__c", "Second__c")
    assert [row["Name"] for row in emulator.org.rows("Account")] == ["@acme"]
    await emulator.stop()


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("drop_sessions_ratio", 1.5, "drop_sessions_ratio takes a number from 0 to 1"),
        ("transaction_seconds", -1, "transaction_seconds takes a number of 0 or more"),
        ("overflow_limit", 0, "overflow_limit takes a whole number of 1 or more"),
        ("daily_api_limit", -1, "daily_api_limit takes a whole number of 0 or more"),
        ("event_batch", 2.5, "event_batch takes a whole number of 1 or more"),
        ("merge_events", "no", "merge_events takes true or false"),
        ("interface_origin", "none", "interface_origin takes one of client, empty, absent"),
        (
            "merge_event",
            False,
            "there is no switch merge_event; did you mean merge_events? There are: merge_ev",
        ),
        ("zzz", False, "there is no switch zzz; there are: api_access_control, "),
    ],
)
async def test_a_switch_out_of_its_range(client: PlainClient, name: str, value: object, error: str) -> None:
    assert (await refused(client, "switches", {"auto_assign": True, name: value})).startswith(error)


@pytest.mark.parametrize(
    ("method", "name", "error"),
    [
        ("GET", "locks", "locks takes POST and DELETE, not GET"),
        ("PUT", "clock", "clock takes POST, not PUT"),
        ("GET", "stream/mute", "stream/mute takes POST, not GET"),
    ],
)
async def test_a_command_of_another_method(client: PlainClient, method: str, name: str, error: str) -> None:
    answer = await command(client, name, None, method)
    assert (answer.status, answer.body) == (405, {"error": error})


@pytest.mark.parametrize("place", ["file", "file/below"])
async def test_a_folder_for_keys_that_is_none(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    emulator = Emulator(EmulatorOptions(key_directory=tmp_path / place))
    with pytest.raises(KeysRefused, match=str(tmp_path / "file")):
        await emulator.start()


async def test_a_key_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "emulator-private-key.pem").write_text("no key", "utf-8")
    with pytest.raises(KeysRefused, match="the private key there cannot be read"):
        await Emulator(EmulatorOptions(key_directory=tmp_path)).start()


async def test_a_host_that_is_not_this_machine(key_directory: Path) -> None:
    emulator = Emulator(EmulatorOptions(host="192.0.2.1", key_directory=key_directory))
    with pytest.raises(HostRefused, match=r"192\.0\.2\.1: "):
        await emulator.start()


@pytest.mark.parametrize(
    ("host", "keys", "what", "fix"),
    [
        ("127.0.0.1", "file/below", "the folder for the private key cannot be used", "--keys"),
        ("192.0.2.1", "keys", "the emulator cannot serve on the host 192.0.2.1", "--host"),
    ],
)
async def test_the_command_line_says_what_to_do_about_it(
    tmp_path: Path, host: str, keys: str, what: str, fix: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError) as told:
        await run_emulator(
            host=host, port=0, seed=None, switches=[], keys=tmp_path / keys, random_seed=None, poll=0, as_json=True, hold=0.1
        )  # fmt: skip
    assert told.value.what == what
    assert fix in told.value.fix


def test_the_nearest_name_comes_first() -> None:
    assert nearest("lenght", ["type", "label", "length"]) == ["length", "type", "label"]
    assert no_such("object", "Foo", ["Account"]) == "there is no object Foo; there are: Account"
