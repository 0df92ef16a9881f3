"""Change events, exactly as the wire has them and as nobody should send them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.salesforce.events import HEADER, client_of, decode
from daemon.ports.salesforce import EventKind, FieldDescription, ObjectDescription

RECEIVED = datetime(2026, 11, 22, 13, 40, 0, 250000, tzinfo=UTC)
COMMITTED = datetime(2026, 11, 22, 13, 34, 15, tzinfo=UTC)
ID = "0037R00003kLmNpQAK"


def message(change: str = "UPDATE", body: dict[str, Any] | None = None, **header: Any) -> dict[str, Any]:
    full = {
        "entityName": "Contact",
        "recordIds": [ID],
        "changeType": change,
        "changedFields": [],
        "changeOrigin": "com/salesforce/api/rest/67.0;client=isthmus",
        "transactionKey": "0004f1c2-9a3e-77d1-20bb-5e0c4d9f1a63",
        "sequenceNumber": 1,
        "commitTimestamp": 1795354455000,
        "commitNumber": 1102345678901,
        "commitUser": "0057R000009wXyZQAU",
        **header,
    }
    return {
        "schema": "Qy0k3mYhR2mV7b1nJt9x-A",
        "payload": {HEADER: full, **(body or {})},
        "event": {"replayId": 37904281},
    }


def contact(**types: str) -> ObjectDescription:
    fields = {name: FieldDescription(name, type_, name) for name, type_ in types.items()}
    return ObjectDescription("Contact", "Contact", "003", True, True, True, True, fields)


def test_an_update_carries_only_what_changed_under_rest_names() -> None:
    body = {
        "Email": None,
        "Name": {"LastName": "Okafor"},
        "LastModifiedDate": "2026-11-22T13:34:15.000Z",
        "Phone": "1",
    }
    decoded = decode(
        message(body=body, changedFields=["Email", "Name.LastName", "LastModifiedDate"]), RECEIVED
    )
    (event,) = decoded.events
    assert event.values == {
        "Email": None,
        "LastName": "Okafor",
        "LastModifiedDate": "2026-11-22T13:34:15.000Z",
    }
    assert (event.object, event.id, event.kind, event.at) == ("Contact", ID, EventKind.UPDATE, COMMITTED)
    assert (event.position, decoded.position, decoded.malformed) == ("37904281", "37904281", 0)
    assert (event.user, event.sequence) == ("0057R000009wXyZQAU", 1)
    assert client_of(event.origin) == "isthmus"
    assert event.reread == {"Name"}  # composed of what changed, and not in the event


def test_without_changed_fields_the_body_says_what_changed() -> None:
    data = message(body={"Email": "a@b.c", "MailingAddress": {"City": "Lagos"}})
    del data["payload"][HEADER]["changedFields"]
    (event,) = decode(data, RECEIVED).events
    assert event.values == {"Email": "a@b.c", "MailingCity": "Lagos"}


@pytest.mark.parametrize(
    ("entity", "body", "changed", "values"),
    [
        ("Account", {"BillingAddress": {"Street": "12 Harbour Lane"}}, ["BillingAddress.Street"], {"BillingStreet": "12 Harbour Lane"}),
        ("Account", {"BillingAddress": {"City": None}}, ["BillingAddress.City"], {"BillingCity": None}),
        ("Account", {"BillingAddress": None}, ["BillingAddress.City"], {"BillingCity": None}),
        ("Lead", {"Address": {"Street": "1 Pier"}}, ["Address.Street"], {"Street": "1 Pier"}),
        ("Account", {"Loc__c": {"Latitude": 1.5}}, ["Loc__c.Latitude"], {"Loc__Latitude__s": 1.5}),
        ("Account", {"Name": "Acme"}, ["Name"], {"Name": "Acme"}),
        ("Account", {"Plan__c": None}, ["Plan__c"], {"Plan__c": None}),
        ("Plan__c", {"Name": None}, ["Name"], {"Name": None}),
    ],
)  # fmt: skip
def test_compound_fields_are_flattened(
    entity: str, body: dict[str, Any], changed: list[str], values: dict[str, Any]
) -> None:
    (event,) = decode(message(body=body, changedFields=changed, entityName=entity), RECEIVED).events
    assert event.values == values
    assert not event.reread


def test_a_whole_address_that_is_null_clears_every_part() -> None:
    data = message(body={"MailingAddress": None}, changedFields=["MailingAddress"])
    (event,) = decode(data, RECEIVED).events
    assert event.values["MailingCity"] is None
    assert event.values["MailingPostalCode"] is None
    assert "MailingAddress" not in event.values


def test_a_custom_geolocation_that_is_null_clears_the_parts_that_the_object_has() -> None:
    lat = FieldDescription("Loc__Latitude__s", "double", "Lat", compound="Loc__c")
    described = ObjectDescription("Contact", "Contact", "003", True, True, True, True, {lat.name: lat})
    data = message(body={"Loc__c": None}, changedFields=["Loc__c"])
    (event,) = decode(data, RECEIVED, lambda _: described).events
    assert event.values == {"Loc__Latitude__s": None}


def test_a_difference_of_long_text_asks_for_the_field() -> None:
    data = message(body={"Description": {"diff": "--- \n+++ 9f2c41"}}, changedFields=["Description"])
    (event,) = decode(data, RECEIVED).events
    assert event.values == {}
    assert event.reread == {"Description"}


def test_a_changed_field_that_the_body_lacks_is_asked_for() -> None:
    (event,) = decode(message(body={}, changedFields=["Email", "Name.FirstName"]), RECEIVED).events
    assert event.values == {}
    assert event.reread == {"Email", "FirstName", "Name"}


def test_a_create_has_what_is_not_empty_and_flags_that_are_false() -> None:
    body = {"Name": {"LastName": "Okafor"}, "DoNotCall": None, "Email": None}
    describe = contact(DoNotCall="boolean", HasOptedOutOfEmail="boolean", Email="email", LastName="string")
    (event,) = decode(message("CREATE", body), RECEIVED, lambda _: describe).events
    assert event.values == {"LastName": "Okafor", "DoNotCall": False, "HasOptedOutOfEmail": False}
    assert decode(message("CREATE", body), RECEIVED).events[0].values == {"LastName": "Okafor"}


def test_a_delete_has_no_values_even_if_it_is_enriched() -> None:
    (event,) = decode(message("DELETE", {"Ext__c": "7"}), RECEIVED).events
    assert (event.kind, event.values) == (EventKind.DELETE, {})


def test_every_record_of_a_merged_event_becomes_an_event() -> None:
    others = [ID, "0037R00003kLmNq", "0037R00003kLmNqQAK"]
    data = message(body={"Email": "x"}, changedFields=["Email"], recordIds=others)
    events = decode(data, RECEIVED).events
    assert [event.id for event in events] == [ID, "0037R00003kLmNqQAK"]
    assert {event.position for event in events} == {"37904281"}
    assert all(event.values == {"Email": "x"} for event in events)


@pytest.mark.parametrize("change", ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"])
def test_a_gap_asks_for_each_record(change: str) -> None:
    events = decode(message(change, recordIds=[ID, "0037R00003kLmNqQAK"]), RECEIVED).events
    assert [(event.kind, event.id) for event in events] == [
        (EventKind.GAP_RECORD, ID),
        (EventKind.GAP_RECORD, "0037R00003kLmNqQAK"),
    ]


@pytest.mark.parametrize(
    ("change", "ids", "malformed"),
    [
        ("GAP_OVERFLOW", ["000000000000000AAA"], 0),
        ("GAP_UPDATE", ["001*"], 0),
        ("UPDATE", ["001*"], 0),
        ("SNAPSHOT", [ID], 1),
        ("UPDATE", [], 1),
        ("UPDATE", [ID, "no id"], 1),
        ("UPDATE", None, 1),
        ("UPDATE", 7, 1),
    ],
)
def test_what_cannot_be_told_by_record_asks_for_the_object(change: str, ids: Any, malformed: int) -> None:
    decoded = decode(message(change, recordIds=ids), RECEIVED)
    (event,) = decoded.events
    assert (event.kind, event.id, event.object) == (EventKind.GAP_OBJECT, "", "Contact")
    assert decoded.malformed == malformed


@pytest.mark.parametrize("stamp", [None, "soon", True, -1, 1e300, float("nan")])
def test_a_missing_commit_time_is_counted_and_replaced(stamp: Any) -> None:
    decoded = decode(message("DELETE", commitTimestamp=stamp), RECEIVED)
    assert decoded.malformed == 1
    assert decoded.events[0].at == RECEIVED.replace(microsecond=0)


def test_commit_times_are_whole_seconds() -> None:
    assert decode(message("DELETE", commitTimestamp=1795354455999), RECEIVED).events[0].at == COMMITTED


@pytest.mark.parametrize(
    "data", [None, [], {}, {"payload": {}}, {"payload": {HEADER: {"entityName": ""}}}, 3, "x"]
)
def test_what_names_no_object_is_counted(data: Any) -> None:
    decoded = decode(data, RECEIVED)
    assert (decoded.events, decoded.malformed) == ((), 1)


def test_a_missing_replay_id_leaves_the_position_where_it_is() -> None:
    data = message("DELETE")
    del data["event"]
    decoded = decode(data, RECEIVED)
    assert decoded.position is None
    assert len(decoded.events) == 1


@pytest.mark.parametrize(
    ("origin", "client"),
    [
        ("com/salesforce/api/soap/60.0;client=SfdcInternalAPI/", "SfdcInternalAPI"),
        ("com/salesforce/api/rest/67.0;client=isthmus", "isthmus"),
        ("com/salesforce/api/rest/67.0", None),
        ("", None),
    ],
)
def test_the_client_of_an_origin(origin: str, client: str | None) -> None:
    assert client_of(origin) == client


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_names = st.sampled_from(
    ["Name", "Name.LastName", "BillingAddress", "BillingAddress.City", "X__c", "X__c.Latitude", ".", ""]
)
_headers = st.fixed_dictionaries(
    {},
    optional={
        "entityName": st.sampled_from(["Contact", "Account", "", 3]),
        "recordIds": st.lists(st.sampled_from([ID, "001*", "x", None, "000000000000000AAA"]), max_size=3)
        | _json,
        "changeType": st.sampled_from(
            ["CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_UPDATE", "GAP_OVERFLOW", "?"]
        )
        | _json,
        "changedFields": st.lists(_names | st.none(), max_size=4) | _json,
        "commitTimestamp": st.integers() | _json,
        "sequenceNumber": _json,
        "changeOrigin": _json,
        "commitUser": _json,
    },
)
_bodies = st.dictionaries(_names, _json, max_size=4)


@given(_json)
def test_decoding_never_raises_on_any_json(data: Any) -> None:
    decode(data, RECEIVED)


@given(_headers | _json, _bodies, _json)
def test_decoding_never_loses_an_event_that_names_its_object(
    header: Any, body: dict[str, Any], replay: Any
) -> None:
    decoded = decode({"payload": {**body, HEADER: header}, "event": {"replayId": replay}}, RECEIVED)
    if isinstance(header, dict) and header.get("entityName") in ("Contact", "Account"):
        assert decoded.events
        assert all(event.at.tzinfo is not None for event in decoded.events)
        assert all(
            value is None or isinstance(value, bool | int | float | str)
            for event in decoded.events
            for value in event.values.values()
        )
    else:
        assert decoded.malformed == 1
