"""The operator's commands, as processes, with `--json`: what they tell, and that looking writes nothing."""

import json
from typing import Any

from tests.support.world import World
from tests.support.world_program import until

STEPS = ["companies", "people", "ventures"]


async def _json(world: World, *arguments: str) -> Any:
    """What a command that must succeed prints: exactly one document."""
    done = await world.isthmus(*arguments, "--json")
    assert done.status == 0, (done.status, done.err)
    return done.json()


async def _pair(world: World, name: str) -> tuple[str, str]:
    """A new company that is linked: its row's key and its record's id."""
    await world.execute("INSERT INTO crm.companies (name, site) VALUES ($1, 'start')", name)
    key = str(await world.value("SELECT id FROM crm.companies WHERE name = $1", name))
    record = await world.sf_id("companies", key)
    await world.quiescent()
    return key, record


async def _traces(world: World) -> tuple[Any, ...]:
    """Everything that a write to either side, or a decision, would change."""
    state = await world.org.control("GET", "state?objects=Organization")
    work = await world.fetch("""
        SELECT (SELECT last_value FROM isthmus.journal_id) AS journal,
            (SELECT count(*) FROM isthmus.change) AS changes,
            (SELECT md5(string_agg(l::text, ' ' ORDER BY id)) FROM isthmus.link AS l) AS links,
            (SELECT md5(string_agg(c::text || c.xmin::text, ' ' ORDER BY id)) FROM crm.companies AS c) AS rows
    """)
    return (state["events"], *work[0].values())


async def test_status(running: World) -> None:
    await _pair(running, "One")
    told = await _json(running, "status")
    assert told["name"] == "world"
    assert told["leader"]["epoch"] == 1
    assert {name for name, part in told["components"].items() if not part["up"]} == set()
    assert [step["name"] for step in told["steps"]] == STEPS
    companies = told["steps"][0]
    assert companies["state"] == "running"
    assert (companies["links"], companies["parked"], companies["held"], companies["conflicts_open"]) == (
        1,
        0,
        0,
        0,
    )
    assert companies["object"] == "Account"
    assert told["api_calls"]["used"] > 0
    piped = await running.isthmus("status")
    assert piped.status == 0
    assert "companies" in piped.out
    assert "\x1b" not in piped.out


async def test_doctor_finds_nothing_wrong_and_writes_nothing(running: World) -> None:
    before = await _traces(running)
    checks = (await _json(running, "doctor"))["checks"]
    beside = {check["name"]: check["state"] for check in checks if check["state"] != "ok"}
    assert beside == {"salesforce.instance": "warn"}, (
        checks
    )  # this org has no object for the mark of an instance
    areas = {check["name"].split(".")[0] for check in checks}
    assert areas >= {"config", "postgres", "salesforce", "clock", "stream"}
    assert await _traces(running) == before


async def test_doctor_names_what_is_broken_and_its_fix(running: World) -> None:
    await running.org.control("POST", "selection", {"objects": ["Account", "Campaign"]})
    await running.execute("ALTER TABLE crm.people DISABLE TRIGGER USER")
    done = await running.isthmus("doctor", "--json")
    assert done.status == 3, done.err
    broken = {check["name"]: check for check in done.json()["checks"] if check["state"] != "ok"}
    assert {"postgres.capture", "salesforce.cdc"} <= set(broken), broken
    assert "crm.people" in broken["postgres.capture"]["found"]
    assert "Contact" in broken["salesforce.cdc"]["found"]
    assert all(check["fix"] for check in broken.values())


async def test_explain_tells_the_plan_and_its_reasons_and_writes_nothing(running: World) -> None:
    key, record = await _pair(running, "Explained")
    assert "agree" in (await _json(running, "record", "explain", "companies", key))["summary"]
    await running.org.control("POST", "stream/mute")
    await running.org.talk(lambda client: client.Account.update(record, {"Site": "elsewhere"}))
    before = await _traces(running)
    for name in (key, record, record[:15]):
        told = await _json(running, "record", "explain", "companies", name)
        assert (told["key"], told["sf_id"]) == (key, record)
        assert told["plan"]["postgres"] == {"operation": "update", "values": {"Site": "elsewhere"}}
        assert told["plan"]["salesforce"] is None
        (verdict,) = [field for field in told["plan"]["fields"] if field["field"] == "Site"]
        assert verdict["rule"] == "only_salesforce"
        assert (verdict["base"], verdict["salesforce"], verdict["postgres"]) == (
            "start",
            "elsewhere",
            "start",
        )
        assert "would update crm.companies" in told["summary"]
    assert await _traces(running) == before
    missing = await running.isthmus("record", "explain", "companies", "999999", "--json")
    assert missing.status == 4
    assert json.loads(missing.err)["fix"]
    await running.org.control("POST", "stream/unmute")

    async def arrived() -> bool:
        return bool(
            await running.value("SELECT site FROM crm.companies WHERE id = $1", int(key)) == "elsewhere"
        )

    await until(arrived, "the change arrives once the stream speaks again")


async def test_links_are_listed_made_and_removed_by_hand(running: World) -> None:
    key, record = await _pair(running, "Linked")
    (link,) = (await _json(running, "link", "list", "--step", "companies"))["items"]
    assert (link["key"], link["sf_id"], link["state"]) == (key, record, "linked")

    unasked = await running.isthmus("link", "remove", "companies", "--pg", key, "--json")
    assert unasked.status == 5
    assert (await _json(running, "link", "remove", "companies", "--pg", key, "--yes"))["state"] == "unlinked"
    (parted,) = (await _json(running, "link", "list", "--step", "companies", "--state", "unlinked"))["items"]
    assert (parted["key"], parted["sf_id"]) == (key, record)
    assert await running.org.one("Account", record, "Name") == "Linked"
    assert await running.value("SELECT name FROM crm.companies WHERE id = $1", int(key)) == "Linked"

    arguments = ("link", "create", "companies", "--pg", key, "--sf", record, "--take", "postgres")
    await running.execute("UPDATE crm.companies SET site = 'taken' WHERE id = $1", int(key))
    made = await _json(running, *arguments, "--yes")
    assert made["sf_id"] == record
    await running.quiescent()
    assert await running.org.one("Account", record, "Site") == "taken"
    assert len(await running.org.query("SELECT Id FROM Account")) == 1
    again = await running.isthmus(*arguments, "--yes", "--json")
    assert again.status == 5
    assert f"row {key} of step companies is linked already" in again.err


async def test_the_side_that_a_new_link_takes_wins(running: World) -> None:
    await running.org.control("POST", "stream/mute")
    made = await running.org.talk(lambda client: client.Account.create({"Name": "Theirs", "Site": "theirs"}))
    record = made["id"]
    await running.execute("ALTER TABLE crm.companies DISABLE TRIGGER USER")
    await running.execute("INSERT INTO crm.companies (name, site) VALUES ('Ours', 'ours')")
    await running.execute("ALTER TABLE crm.companies ENABLE TRIGGER USER")
    key = str(await running.value("SELECT id FROM crm.companies"))
    await _json(
        running, "link", "create", "companies", "--pg", key, "--sf", record, "--take", "salesforce", "--yes"
    )

    async def taken() -> bool:
        row = (await running.fetch("SELECT name, site FROM crm.companies"))[0]
        return bool(row == {"name": "Theirs", "site": "theirs"})

    await until(taken, "the row has the record's values")
    await running.org.control("POST", "stream/unmute")
    await running.quiescent()
    assert await running.org.one("Account", record, "Name") == "Theirs"
    assert await running.value("SELECT count(*) FROM crm.companies") == 1


async def test_parked_records_are_listed_shown_and_retried(running: World) -> None:
    await running.execute("INSERT INTO crm.people (last_name, email) VALUES ('Wrong', 'no address')")
    parked = await running.parked("INVALID_EMAIL_ADDRESS")
    (listed,) = (await _json(running, "parked", "list", "--step", "people"))["items"]
    assert listed["id"] == parked["id"]
    shown = await _json(running, "parked", "show", str(parked["id"]))
    assert shown["code"] == "INVALID_EMAIL_ADDRESS"
    (group,) = (await _json(running, "parked", "list", "--group-by", "code"))["items"]
    assert (group["code"], group["count"]) == ("INVALID_EMAIL_ADDRESS", 1)
    assert (await running.isthmus("parked", "show", "999999", "--json")).status == 4
    assert (await running.isthmus("parked", "retry", str(parked["id"]), "--json")).status == 5, (
        "not confirmed"
    )
    assert await _json(running, "parked", "retry", str(parked["id"]), "--yes") == {"retried": 1}
    again = await running.parked("INVALID_EMAIL_ADDRESS")
    assert again["key"] == parked["key"]


async def test_the_configuration_is_checked_and_its_schema_printed(bare: World) -> None:
    checked = await _json(bare, "config", "check")
    assert [each for each in checked["findings"] if each["level"] == "problem"] == []
    offline = await _json(bare, "config", "check", "--offline")
    assert offline["steps"] == STEPS
    schema = await bare.isthmus("config", "schema")
    assert schema.status == 0
    document = schema.json()
    assert {"salesforce", "database", "steps"} <= set(document["properties"])
    assert bare.org.facts["client_secret"] not in json.dumps(await _json(bare, "config", "show"))


async def test_a_command_without_a_daemon_says_so(bare: World) -> None:
    bare.api = "http://127.0.0.1:9"
    what, _, do = (await bare.isthmus("status")).three_lines()
    assert "127.0.0.1:9" in what
    assert do
    assert (await bare.isthmus("status")).status == 69
