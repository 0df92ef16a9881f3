"""What a person pastes to name a record."""

import pytest

from daemon.domain.record_address import RecordAddress, parse_record_address, same_org

SHORT, LONG = "00QB0000001a2B3", "00QB0000001a2B3MAI"


@pytest.mark.requirement("S0-21")
@pytest.mark.parametrize("sf_id", [SHORT, LONG])
@pytest.mark.parametrize(
    ("shape", "object_name", "host"),
    [
        ("{}", None, None),
        ("  <{}> ", None, None),
        ("https://acme.lightning.force.com/lightning/r/Lead/{}/view", "Lead", "acme.lightning.force.com"),
        ("https://acme.my.salesforce.com/lightning/r/{}/view", None, "acme.my.salesforce.com"),
        ("https://acme.lightning.force.com/lightning/r/Lead/{}/related/Tasks/view", "Lead", "acme.lightning.force.com"),
        ("https://acme.lightning.force.com/one/one.app#/sObject/{}/view?t=17", None, "acme.lightning.force.com"),
        ("https://ACME.my.salesforce.com/{}?srPos=0&srKp=00Q", None, "acme.my.salesforce.com"),
        ("acme.my.salesforce.com/{}/e", None, "acme.my.salesforce.com"),
        ("https://acme--c.vf.force.com/apex/Deal?sfdc.tab=1&id={}", None, "acme--c.vf.force.com"),
        ("http://127.0.0.1:8081/lightning/r/My_Lead__c/{}/view", "My_Lead__c", "127.0.0.1:8081"),
    ],
)  # fmt: skip
def test_each_shape_of_an_address_names_the_record(
    shape: str, object_name: str | None, host: str | None, sf_id: str
) -> None:
    assert parse_record_address(shape.format(sf_id)) == RecordAddress(LONG, object_name, host)


@pytest.mark.requirement("S0-22")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "no id",
        "https://acme.my.salesforce.com/apex/Deal?id=none",
        "https://acme.my.salesforce.com/00QB0000001a2B3MAA",
        "00QB0000001a2B3MAA",  # its check characters are wrong
        "https://acme.my.salesforce.com/",
        "https://acme.lightning.force.com/lightning/o/OpportunityTeam/list?filterName=Recent",
        "https://acme.lightning.force.com/lightning/r/OpportunityTeam/view",
        "ftp://acme.my.salesforce.com/00QB0000001a2B3",
        "https:///00QB0000001a2B3",
    ],
)
def test_what_names_no_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_record_address(text)


@pytest.mark.requirement("S0-22")
@pytest.mark.parametrize(
    ("host", "instance", "same"),
    [
        ("acme.lightning.force.com", "acme.my.salesforce.com", True),
        ("acme--c.vf.force.com", "acme.my.salesforce.com", True),
        ("acme.my.salesforce.com", "acme.my.salesforce.com", True),
        ("127.0.0.1:8081", "127.0.0.1:8081", True),
        ("acme--uat.sandbox.lightning.force.com", "acme--uat.sandbox.my.salesforce.com", True),
        ("acme.lightning.force.com", "acme--uat.sandbox.my.salesforce.com", False),
        ("acme--uat.sandbox.lightning.force.com", "acme.my.salesforce.com", False),
        ("umbrella.lightning.force.com", "acme.my.salesforce.com", False),
        ("acme.my.salesforce.com.evil.example", "acme.my.salesforce.com", False),
        ("na139.salesforce.com", "acme.my.salesforce.com", False),
        ("127.0.0.1:8082", "127.0.0.1:8081", False),
    ],
)
def test_an_address_of_another_org_is_told_apart(host: str, instance: str, same: bool) -> None:
    assert same_org(host, instance) is same
