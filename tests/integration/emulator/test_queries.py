"""SOQL over HTTP: conditions, relationships, order, pages, and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.emulator import Emulator
from tests.support.plain_client import PlainClient


@pytest.fixture
async def people(emulator: Emulator) -> dict[str, str]:
    """Three contacts of two accounts, by last name; loaded without events."""
    north, south = emulator.org.load("Account", [{"Name": "North", "Rating": "Hot"}, {"Name": "South"}])
    rows: list[dict[str, object]] = [
        {
            "FirstName": "Ada",
            "LastName": "Alpha",
            "AccountId": north,
            "Birthdate": "1990-05-01",
            "DoNotCall": True,
        },
        {"FirstName": "Bo", "LastName": "beta", "AccountId": south, "Email": "bo@example.com"},
        {"FirstName": "Cy", "LastName": "O'Gamma", "Title": "50% off_er"},
    ]
    emulator.org.load("Employee__c", [{"Name": "E1", "Company__c": north, "Skills__c": "Go;SQL"}])
    return dict(zip(("Alpha", "beta", "O'Gamma"), emulator.org.load("Contact", rows), strict=True))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("LastName = 'ALPHA'", ["Alpha"]),
        ("LastName != 'alpha'", ["beta", "O'Gamma"]),
        (r"LastName = 'O\'Gamma'", ["O'Gamma"]),
        ("Email = null", ["Alpha", "O'Gamma"]),
        ("Email != null", ["beta"]),
        ("DoNotCall = true", ["Alpha"]),
        ("Birthdate < 2000-01-01", ["Alpha"]),
        ("Account.Rating = 'Hot'", ["Alpha"]),
        ("Account.Name IN ('North', 'south')", ["Alpha", "beta"]),
        ("NOT (LastName LIKE '%a%' AND FirstName = 'Ada')", ["beta", "O'Gamma"]),
        ("LastName = 'Alpha' OR (LastName = 'beta' AND Email LIKE 'bo@_xample%')", ["Alpha", "beta"]),
        ("LastName NOT IN ('Alpha')", ["beta", "O'Gamma"]),
        ("CreatedDate = TODAY AND CreatedDate >= LAST_N_DAYS:2", ["Alpha", "beta", "O'Gamma"]),
        ("CreatedDate < 2020-01-01T00:00:00+01:00", []),
        ("AccountId IN (SELECT Id FROM Account WHERE Rating = 'Hot')", ["Alpha"]),
    ],
)
async def test_conditions(
    client: PlainClient, people: dict[str, str], where: str, expected: list[str]
) -> None:
    rows = await client.query(f"select LastName from contact where {where} order by FirstName")
    assert [row["LastName"] for row in rows] == expected


async def test_ids_in_both_lengths(client: PlainClient, people: dict[str, str]) -> None:
    wanted = "','".join([people["Alpha"][:15], people["beta"], "003000000000001AAA"])
    rows = await client.query(f"SELECT Id FROM Contact WHERE Id IN ('{wanted}') ORDER BY LastName DESC")
    assert [row["Id"] for row in rows] == [people["beta"], people["Alpha"]]


async def test_parents_children_and_nulls(client: PlainClient, people: dict[str, str]) -> None:
    rows = await client.query(
        "SELECT LastName, Account.Name, Account.Owner.Alias FROM Contact ORDER BY FirstName"
    )
    assert rows[0]["Account"]["Name"] == "North"
    assert rows[0]["Account"]["attributes"]["type"] == "Account"
    assert rows[0]["Account"]["Owner"]["Alias"] == "aadmin"
    assert rows[2]["Account"] is None
    parents = await client.query(
        "SELECT Name, (SELECT LastName FROM Contacts), (SELECT Name FROM Employees__r) FROM Account ORDER BY Name"
    )
    assert [child["LastName"] for child in parents[0]["Contacts"]["records"]] == ["Alpha"]
    assert parents[1]["Employees__r"] is None
    [employee] = await client.query(
        "SELECT Company__r.Name FROM Employee__c WHERE Skills__c INCLUDES ('SQL;Go', 'Python')"
    )
    assert employee["Company__r"]["Name"] == "North"


async def test_order_limit_and_aggregates(client: PlainClient, people: dict[str, str]) -> None:
    rows = await client.query(
        "SELECT LastName FROM Contact ORDER BY Email NULLS LAST, LastName DESC LIMIT 2 OFFSET 1"
    )
    assert [row["LastName"] for row in rows] == ["O'Gamma", "Alpha"]
    [total] = await client.query("SELECT COUNT(Id) n, MIN(LastName), MAX(SystemModstamp) newest FROM Contact")
    assert (total["n"], total["expr0"], total["newest"][-5:]) == (3, "Alpha", "+0000")
    groups = await client.query("SELECT Account.Name, COUNT(Id) n FROM Contact GROUP BY Account.Name")
    assert {(group["Name"], group["n"]) for group in groups} == {("North", 1), ("South", 1), (None, 1)}
    counted = await client.rest("GET", "query", params={"q": "SELECT COUNT() FROM Contact"})
    assert counted.body == {"totalSize": 3, "done": True, "records": []}


async def test_pages_are_reached_by_locators(client: PlainClient, emulator: Emulator) -> None:
    emulator.org.load("Account", [{"Name": f"A{n:03}"} for n in range(450)])
    options = {"Sforce-Query-Options": "batchSize=200"}
    soql = {"q": "SELECT Name FROM Account ORDER BY Name"}
    page = (await client.rest("GET", "query", params=soql, headers=options)).body
    names = [row["Name"] for row in page["records"]]
    while not page["done"]:
        path = page["nextRecordsUrl"].replace("/query/", "/queryAll/")
        page = (await client.send("GET", path)).body
        names += [row["Name"] for row in page["records"]]
        assert page["totalSize"] == 450
    assert "nextRecordsUrl" not in page
    assert names == [f"A{n:03}" for n in range(450)]
    bad = await client.rest("GET", "query/01g000000000001AAA-200")
    assert bad.body[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


async def test_query_all_includes_the_recycle_bin(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    await client.rest("DELETE", f"sobjects/Account/{account}")
    soql = {"q": f"SELECT Id, IsDeleted FROM Account WHERE Id = '{account}'"}
    assert (await client.rest("GET", "query", params=soql)).body["totalSize"] == 0
    [row] = (await client.rest("GET", "queryAll", params=soql)).body["records"]
    assert row["IsDeleted"] is True


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nope__c", "INVALID_TYPE"),
        ("SELECT Id FRM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE NumberOfEmployees = 'many'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Description LIKE 'x%'", "INVALID_FIELD"),
        ("SELECT Nope.Name FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate = SOMEDAY", "MALFORMED_QUERY"),
    ],
)
async def test_refused_queries(client: PlainClient, soql: str, code: str) -> None:
    answer = await client.rest("GET", "query", params={"q": soql})
    assert (answer.status, answer.body[0]["errorCode"]) == (400, code)


async def test_the_selected_objects_can_be_asked_for(client: PlainClient) -> None:
    await client.control("POST", "selection", {"objects": ["Account", "Employee__c"]})
    answer: Any = await client.rest(
        "GET", "tooling/query", params={"q": "SELECT SelectedEntity FROM PlatformEventChannelMember"}
    )
    assert [row["SelectedEntity"] for row in answer.body["records"]] == [
        "AccountChangeEvent",
        "Employee__ChangeEvent",
    ]


async def test_like_takes_its_own_signs_literally_when_they_are_escaped(client: PlainClient) -> None:
    for name in ("100% wool", "100 wool", "a_b", "axb"):
        await client.create("Account", Name=name)

    async def named(pattern: str) -> list[str]:
        rows = await client.query(f"SELECT Name FROM Account WHERE Name LIKE '{pattern}' ORDER BY Name")
        return [row["Name"] for row in rows]

    assert await named("100\\% %") == ["100% wool"]
    assert await named("100%") == ["100 wool", "100% wool"]
    assert await named("a\\_b") == ["a_b"]
    assert await named("a_b") == ["a_b", "axb"]
    assert len(await client.query("SELECT Id FROM Account WHERE Name = '100\\% wool'")) == 1


@pytest.mark.parametrize("function", ["SUM", "AVG"])
async def test_text_is_not_added_up(client: PlainClient, function: str) -> None:
    answer = await client.rest("GET", "query", params={"q": f"SELECT {function}(Name) FROM Account"})
    assert (answer.status, answer.body[0]["errorCode"]) == (400, "MALFORMED_QUERY")


async def test_groups_are_tested_sorted_and_cut(client: PlainClient) -> None:
    for number in range(6):
        await client.create("Lead", LastName=f"L{number % 3}", Company="U", Title=f"T{number}")
    await client.create("Lead", LastName="L0", Company="U")
    base = "SELECT LastName, COUNT(Id) n FROM Lead GROUP BY LastName"
    many = await client.query(f"{base} HAVING COUNT(Id) > 2")
    assert [(row["LastName"], row["n"]) for row in many] == [("L0", 3)]
    ranked = await client.query(f"{base} ORDER BY COUNT(Id) DESC, LastName LIMIT 2")
    assert [row["LastName"] for row in ranked] == ["L0", "L1"]
