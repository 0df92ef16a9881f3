"""The org's lead field mapping through the Metadata API, and what converted leads show, both from an emulated org."""

from collections.abc import Mapping
from typing import Any

import pytest

from adapters.emulator import Emulator
from adapters.memory.meter import MemoryMeter
from adapters.salesforce import Salesforce, connect
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.operations.finding import Level
from daemon.operations.lead_fields import lead_field_findings
from daemon.ports.conversions import Converted, HandedOn
from daemon.runtime.clock import SystemClock
from tests.integration.salesforce.connecting import settings_for
from tests.integration.salesforce.control import Control
from tests.unit.operations.test_lead_fields import steps_of

KEY = {"type": "text", "length": 40, "external_id": True, "unique": True}
SOAP = "/services/Soap/m/67.0"
ENVELOPE = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://soap.sforce.com/2006/04/metadata">'
    "<e:Body>{}</e:Body></e:Envelope>"
)
FAULT = "<e:Fault><faultcode>sf:{0}</faultcode><faultstring>{0}: of that kind</faultstring></e:Fault>"


@pytest.fixture
async def control(control: Control) -> Control:
    """The org with leads that have a key."""
    await control.post("fields", object="Lead", fields={"Ext_Id__c": KEY, "Note__c": {"type": "text"}})
    return control


async def answers(control: Control, body: str, *, times: int = 1, status: int = 500) -> None:
    answer = {"status": status, "body": body, "content_type": "text/xml; charset=utf-8"}
    await control.fault(path=SOAP, action="answer", times=times, **answer)


async def test_the_mapping_is_read_in_one_call(
    control: Control, salesforce: Salesforce, meter: MemoryMeter
) -> None:
    assert await salesforce.conversions.mapping() == frozenset()
    named = {
        "Contact": {"Ext_Id__c": "Ext_Id__c", "Note__c": "Tier__c"},
        "Account": {"Ext_Id__c": "Legacy__c"},
    }
    await control.post("lead-mapping", **named)
    await control.delete("requests")
    handed = {
        HandedOn("Ext_Id__c", "Contact", "Ext_Id__c"),
        HandedOn("Note__c", "Contact", "Tier__c"),
        HandedOn("Ext_Id__c", "Account", "Legacy__c"),
    }
    assert await salesforce.conversions.mapping() == frozenset(handed)
    assert [entry["kind"] for entry in await control.requests("/")] == ["metadata"]
    assert meter.counted("isthmus_salesforce_requests_total", api="soap", outcome="ok") == 2


async def test_a_user_who_may_not_read_it_is_told_apart_from_a_failure(
    control: Control, salesforce: Salesforce, meter: MemoryMeter
) -> None:
    await control.post("permissions", permission="ModifyMetadata", granted=False)
    assert await salesforce.conversions.mapping() is None
    assert len(await control.requests(SOAP)) == 1  # a refusal is not tried again, though its status is 500
    assert meter.counted("isthmus_salesforce_requests_total", api="soap", outcome="client_error") == 1
    await control.delete("requests")
    for _ in range(
        20
    ):  # nor does it tell that the host is unwell, which would keep all calls from it for a while
        assert await salesforce.conversions.mapping() is None
    assert len(await control.requests(SOAP)) == 20


async def test_a_session_that_has_ended_is_renewed(control: Control, salesforce: Salesforce) -> None:
    await salesforce.conversions.mapping()
    await control.post("tokens/expire")
    assert await salesforce.conversions.mapping() == frozenset()


@pytest.mark.parametrize(
    "body",
    [
        "<html>maintenance",
        '<!DOCTYPE e [<!ENTITY a "aaaa">]>'
        + ENVELOPE.format("<m:readMetadataResponse>&a;</m:readMetadataResponse>"),
        ENVELOPE.format("<m:readMetadataResponse><m:result/></m:readMetadataResponse>"),
        ENVELOPE.format("<m:otherResponse><m:result><m:records/></m:result></m:otherResponse>"),
        "\x00",
        "",
    ],
)
async def test_an_answer_that_makes_no_sense_is_a_failure(
    control: Control, salesforce: Salesforce, body: str
) -> None:
    await answers(control, body, status=200)
    with pytest.raises(CallFailedError) as caught:
        await salesforce.conversions.mapping()
    assert caught.value.failure.code == "BAD_ANSWER"


async def test_settings_that_are_not_there_tell_nothing(control: Control, salesforce: Salesforce) -> None:
    nil = '<m:records xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:nil="true"/>'
    result = f"<m:readMetadataResponse><m:result>{nil}</m:result></m:readMetadataResponse>"
    await answers(control, ENVELOPE.format(result), status=200)
    assert await salesforce.conversions.mapping() is None


async def test_a_fault_that_passes_is_tried_again(control: Control, salesforce: Salesforce) -> None:
    await answers(control, ENVELOPE.format(FAULT.format("UNKNOWN_EXCEPTION")))
    assert await salesforce.conversions.mapping() == frozenset()
    await answers(control, ENVELOPE.format(FAULT.format("REQUEST_LIMIT_EXCEEDED")))
    with pytest.raises(CallFailedError) as caught:
        await salesforce.conversions.mapping()
    failure = caught.value.failure
    assert (failure.kind, failure.message) == (FailureKind.LIMITED, "of that kind")


async def test_an_answer_that_never_comes_has_a_deadline(
    emulator: Emulator, control: Control, meter: MemoryMeter
) -> None:
    await control.fault(path=SOAP, action="hang", times=9)
    hasty = settings_for(emulator.announcement, read_seconds=0.2, total_seconds=0.5, read_attempts=2)
    async with connect(hasty, SystemClock(), meter) as org:
        with pytest.raises(CallFailedError) as caught:
            await org.conversions.mapping()
    assert caught.value.failure.code == "NO_ANSWER"


@pytest.mark.parametrize("becomes", ["Contact", "Account"])
async def test_converted_leads_show_what_their_records_got(
    emulator: Emulator, control: Control, salesforce: Salesforce, becomes: str
) -> None:
    org = emulator.org
    mapped: Mapping[str, Any] = {becomes: {"Ext_Id__c": "Ext_Id__c"}}

    def converted(key: str | None, **into: str) -> tuple[str, str]:
        lead = org.create("Lead", {"LastName": "Hill", "Company": "Acme", "Ext_Id__c": key})
        org.clock.advance(2)
        made = org.convert_lead(lead, **into)
        return lead, made.contact_id if becomes == "Contact" else made.account_id

    lost = converted("k1")
    converted(None)
    org.create("Lead", {"LastName": "Open", "Company": "Acme", "Ext_Id__c": "k0"})
    await control.post("lead-mapping", **mapped)
    kept = converted("k2")
    name = {"LastName": "There"} if becomes == "Contact" else {"Name": "There"}
    there = org.create(becomes, {**name, "Ext_Id__c": "own"})
    own = converted("k3", **{f"{becomes.lower()}_id": there})
    gone = converted("k4")
    org.delete(becomes, gone[1])
    await salesforce.conversions.newest(becomes, "Ext_Id__c", 200)  # describes the object for the first time
    await control.delete("requests")
    assert await salesforce.conversions.newest(becomes, "Ext_Id__c", 200) == [
        Converted(*own, "k3", "own"),
        Converted(*kept, "k2", "k2"),
        Converted(*lost, "k1", None),
    ]
    assert len(await control.requests("/services/data")) == 2
    assert await salesforce.conversions.newest(becomes, "Ext_Id__c", 1) == [Converted(*own, "k3", "own")]


async def test_a_hidden_field_shows_nothing(
    emulator: Emulator, control: Control, salesforce: Salesforce
) -> None:
    org = emulator.org
    org.convert_lead(org.create("Lead", {"LastName": "Hill", "Company": "Acme", "Ext_Id__c": "k1"}))
    await control.post("permissions", object="Contact", field="Ext_Id__c", readable=False)
    assert await salesforce.conversions.newest("Contact", "Ext_Id__c", 200) == []


async def test_no_converted_lead_takes_one_call(control: Control, salesforce: Salesforce) -> None:
    assert await salesforce.conversions.newest("Contact", "Ext_Id__c", 200) == []
    assert len(await control.requests("/services/data")) == 1


@pytest.mark.requirement("S4-27")
@pytest.mark.parametrize("granted", [True, False])
async def test_an_org_is_checked_by_its_mapping_and_without_the_permission_by_its_leads(
    emulator: Emulator, control: Control, salesforce: Salesforce, granted: bool
) -> None:
    for name in ("Lead", "Contact"):
        await control.post("fields", object=name, fields={"Key__c": KEY})
    await control.post("permissions", permission="ModifyMetadata", granted=granted)

    async def level(key: str) -> Level:
        lead = emulator.org.create("Lead", {"LastName": "Hill", "Company": "Acme", "Key__c": key})
        emulator.org.clock.advance(2)
        emulator.org.convert_lead(lead)
        [finding] = await lead_field_findings(steps_of("Contact"), salesforce.conversions)
        return finding.level

    assert await level("k1") is Level.PROBLEM
    await control.post("lead-mapping", Contact={"Key__c": "Key__c"})
    assert await level("k2") is Level.OK
