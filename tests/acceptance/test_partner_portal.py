"""The partner portal of deploy/examples as its operators run it: what links itself, what a person links, and what is parted again."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.databases import Databases
from tests.support.world_example import (
    Example,
    becomes,
    change,
    example,
    in_org,
    installed,
    make,
    operate,
    secrets_dir,
    told,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Example]:
    """The portal with a partner that the org knows already and one that it does not, set up and running. Its tests share it."""
    async with example(databases, tmp_path_factory.mktemp("portal"), "partner-portal") as world:
        await make(world, "Account", Name="Globex", Website="https://globex.example")
        await make(world, "Account", Name="Stranger")
        await world.execute("INSERT INTO portal.partners (id, name, website) VALUES (101, 'Globex', 'globex.example'), (102, 'Initech', NULL)")  # fmt: skip
        await installed(world)
        await world.start(extra=secrets_dir(world))
        yield world


async def _deal(world: Example, key: int, title: str) -> None:
    await world.execute(
        "INSERT INTO portal.deals (id, partner_id, title, customer, contact_name, amount, closes_on)"
        " VALUES ($1, 102, $2, 'Hooli', 'Belson', 1000, '2027-03-31')",
        key,
        title,
    )


async def test_what_links_itself(portal: Example) -> None:
    """Partners, their people and leads are automatic: found where they exist, else made, from the side that the step allows."""
    initech = await portal.sf_id("partners", "102")
    globex = await portal.sf_id("partners", "101")
    await portal.execute("INSERT INTO portal.contacts (partner_id, last_name, email) VALUES (102, 'Bolton', 'bolton@initech.example')")  # fmt: skip
    await portal.execute("INSERT INTO portal.leads (id, last_name, company) VALUES (7, 'Waddams', 'Initech')")
    bolton = await in_org(
        portal, "SELECT Id, AccountId FROM Contact WHERE LastName = 'Bolton'", AccountId=initech
    )
    waddams = await in_org(portal, "SELECT Id, Portal_Key__c FROM Lead WHERE LastName = 'Waddams'")
    assert waddams["Portal_Key__c"], "a create that is repeated finds its record"

    await change(portal, "Lead", waddams["Id"], Status="Working - Contacted")
    await change(portal, "Contact", bolton["Id"], FirstName="Michael")
    await change(portal, "Account", globex, Partner_Tier__c="gold")
    stranger = (await portal.org.query("SELECT Id FROM Account WHERE Name = 'Stranger'"))[0]["Id"]
    await make(portal, "Contact", LastName="Nobody", AccountId=stranger)
    await make(portal, "Contact", LastName="Scorpio", AccountId=globex)
    await becomes(portal, "SELECT status FROM portal.leads", "Working - Contacted")
    await becomes(portal, "SELECT first_name FROM portal.contacts WHERE last_name = 'Bolton'", "Michael")
    await becomes(portal, "SELECT tier FROM portal.partners WHERE id = 101", "gold")
    await becomes(portal, "SELECT partner_id FROM portal.contacts WHERE last_name = 'Scorpio'", 101)
    await portal.quiescent()
    assert await portal.value("SELECT count(*) FROM portal.partners WHERE name = 'Stranger'") == 0, "no other account is a partner"  # fmt: skip
    assert await portal.value("SELECT count(*) FROM portal.contacts WHERE last_name = 'Nobody'") == 0
    explained = await told(portal, "record", "explain", "contacts", bolton["Id"], role="operator")
    assert "agree" in explained["summary"]


@pytest.mark.requirement("S0-04", "S0-09", "S0-12", "S0-14", "S0-19", "S0-21", "S0-22", "S0-25")
async def test_what_a_person_links(portal: Example) -> None:
    """Deals are manual: linked by the pasted address of an opportunity or pushed as a lead, parted, and given another record."""
    for key, title in ((11, "Vault"), (12, "Tape")):
        await _deal(portal, key, title)
    vault = await make(portal, "Opportunity", Name="Vault of old", StageName="Qualification", CloseDate="2027-01-31")  # fmt: skip
    other = await make(portal, "Opportunity", Name="Another", StageName="Prospecting", CloseDate="2027-01-31")  # fmt: skip
    await portal.sf_id("partners", "102")
    await portal.quiescent()
    asked = "SELECT Id FROM Opportunity WHERE Name IN ('Vault', 'Tape')"
    assert await portal.org.query(asked) == [], "nothing is made unasked"
    address = f"{portal.org.url}/lightning/r/Opportunity/{vault}/view"
    pair = ("link", "create", "deals", "--pg", "11", "--sf")

    refused = await operate(portal, *pair, address, "--yes", role="operator")
    assert refused.status == 77, refused.err
    account = await portal.sf_id("partners", "102")
    for wrong, reason in (
        (f"https://other.my.salesforce.com/{vault}", "other.my.salesforce.com is not the org"),
        (
            f"{portal.org.url}/lightning/r/Account/{account}/view",
            f"Account {account} cannot be linked by step deals",
        ),
    ):
        refused = await operate(portal, *pair, wrong, "--yes")
        assert refused.status == 5, refused.err
        assert reason in refused.err
    await told(portal, *pair, address, "--take", "postgres", "--yes")
    await in_org(portal, f"SELECT Name, Amount FROM Opportunity WHERE Id = '{vault}'", Name="Vault", Amount=1000)  # fmt: skip
    await change(portal, "Opportunity", vault, StageName="Closed Won")
    await becomes(portal, "SELECT stage FROM portal.deals WHERE id = 11", "Closed Won")

    await told(portal, "record", "push", "deals_as_leads", "12", "--yes", role="operator")
    lead = await portal.sf_id("deals_as_leads", "12")
    taken = await operate(portal, "link", "create", "deals", "--pg", "12", "--sf", other, "--yes")
    assert taken.status == 5
    assert lead in taken.err, "the refusal names the record"

    await told(portal, "link", "change", "deals", "--pg", "11", "--sf", other, "--take", "postgres", "--yes")
    await in_org(portal, f"SELECT Name FROM Opportunity WHERE Id = '{other}'", Name="Vault")
    parting = ("link", "remove", "deals", "--pg", "11", "--yes")
    refused = await operate(portal, *parting, role="operator")
    assert refused.status == 77, refused.err
    await told(portal, *parting)
    await portal.execute("UPDATE portal.deals SET title = 'Vault, parted' WHERE id = 11")
    await portal.quiescent()
    assert await portal.org.one("Opportunity", other, "Name") == "Vault"


@pytest.mark.requirement("S0-10", "S0-11", "S0-13")
async def test_what_becomes_of_a_link_whose_record_goes(portal: Example) -> None:
    """A record that is deleted breaks the link, so do a merge and a lead converted to no opportunity; each row is linked anew."""
    await _deal(portal, 21, "Bridge")
    await _deal(portal, 22, "Road")
    await portal.execute("INSERT INTO portal.partners (id, name) VALUES (103, 'Umbrella')")
    opportunity = {"StageName": "Prospecting", "CloseDate": "2027-01-31"}
    gone, kept, other = [
        await make(portal, "Opportunity", Name=name, **opportunity) for name in ("Gone", "Kept", "Other")
    ]
    await told(portal, "link", "create", "deals", "--pg", "21", "--sf", gone, "--take", "postgres", "--yes")
    await told(portal, "record", "push", "deals_as_leads", "22", "--yes")
    lead = await portal.sf_id("deals_as_leads", "22")
    merged, globex = await portal.sf_id("partners", "103"), await portal.sf_id("partners", "101")
    await in_org(portal, f"SELECT Name FROM Opportunity WHERE Id = '{gone}'", Name="Bridge")
    await portal.quiescent()

    await portal.org.talk(lambda client: client.Opportunity.delete(gone))
    await portal.org.control("POST", "convert-lead", {"lead": lead})
    await portal.org.control("POST", "merge", {"winner": globex, "losers": [merged]})
    for record in (gone, lead, merged):
        await becomes(portal, f"SELECT state FROM isthmus.link WHERE sf_id = '{record}'", "broken")
    broken = (await told(portal, "link", "list", "--state", "broken", role="viewer"))["items"]
    assert {(link["step"], link["key"], link["sf_id"], link["merged_into"]) for link in broken} == {
        ("deals", "21", gone, None),
        ("deals_as_leads", "22", lead, None),
        ("partners", "103", merged, globex),
    }
    explained = await told(portal, "record", "explain", "deals", "21", role="viewer")
    assert "the row was kept" in explained["summary"], explained
    assert await portal.value("SELECT count(*) FROM portal.deals WHERE id IN (21, 22)") == 2, "the rows are kept"  # fmt: skip

    umbrella = await make(portal, "Account", Name="To be Umbrella")
    for step, key, record, name in (
        ("deals", "21", kept, "Bridge"),
        ("deals", "22", other, "Road"),
        ("partners", "103", umbrella, "Umbrella"),
    ):
        await told(portal, "link", "create", step, "--pg", key, "--sf", record, "--take", "postgres", "--yes")
        assert await portal.sf_id(step, key) == record
        sobject = "Account" if step == "partners" else "Opportunity"
        await in_org(portal, f"SELECT Name FROM {sobject} WHERE Id = '{record}'", Name=name)
