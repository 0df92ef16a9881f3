"""What cannot work is told in three lines with the documented exit status, and nothing is written anywhere.

What cannot work for one record parks that record, with the code, an explanation and advice, and the others go on.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import Databases
from tests.support.world import World, world
from tests.support.world_org import Org
from tests.support.world_program import Done, until
from tests.support.world_shape import CRM

UNREACHABLE, REFUSED, ACCESS, CONFIGURATION = 69, 5, 77, 78

Change = tuple[str, str]


async def _untouched(bare: World, done: Done) -> None:
    """Nothing was written to either side."""
    assert done.out == "" or all(line.startswith("{") for line in done.out.splitlines())
    assert await bare.org.writes() == []
    assert await bare.org.query("SELECT Id FROM Account WHERE Name = 'a row'") == []
    assert await bare.value("SELECT count(*) FROM crm.companies") == 1


async def _refused(
    bare: World, status: int, *changes: Change, before: Sequence[str] = ()
) -> tuple[str, str, str]:
    """Start a daemon that must refuse; the three lines. A row waits to be pushed, and a record to be pulled."""
    await bare.execute("INSERT INTO crm.companies (name) VALUES ('a row')")
    await bare.org.talk(lambda client: client.Account.create({"Name": "a record"}))
    await bare.org.control("DELETE", "requests")
    for statement in before:
        await bare.execute(statement)
    bare.configure(*changes)
    done = await bare.isthmus("run")
    assert done.status == status, (done.status, done.out[-2000:], done.err)
    await _untouched(bare, done)
    return done.three_lines()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    """An org for all tests in which no daemon comes to life."""
    org = asyncio.run(Org.start(tmp_path_factory.mktemp("org"), CRM.seed))
    yield org
    org.close()


@pytest.fixture
async def bare(databases: Databases, tmp_path: Path, shared: Org) -> AsyncIterator[World]:
    async with world(databases, tmp_path, shared=shared) as made:
        yield made


@pytest.fixture
async def running(databases: Databases, tmp_path: Path) -> AsyncIterator[World]:
    async with world(databases, tmp_path) as made:
        await made.start()
        await made.quiescent()
        yield made


async def test_a_wrong_credential(bare: World) -> None:
    what, why, do = await _refused(bare, ACCESS, ("client_id: ", "client_id: x"))
    assert "invalid_client" in what + why
    assert bare.org.facts["client_secret"] not in what + why + do


@pytest.mark.parametrize(
    ("taken", "change", "named"),
    [
        ({"object": "Contact", "readable": False}, None, "Contact"),
        ({"object": "Contact", "field": "Title", "readable": False}, None, "Title"),
        (
            {"object": "Contact", "field": "Title", "editable": False},
            ("postgres: title }", "postgres: title, direction: push }"),
            "Title",
        ),
    ],
    ids=["object-hidden", "field-hidden", "field-not-editable"],
)
async def test_a_missing_permission(
    bare: World, taken: dict[str, Any], change: Change | None, named: str
) -> None:
    await bare.org.control("POST", "permissions", taken)
    try:
        _, why, do = await _refused(bare, CONFIGURATION, *([change] if change else []))
        checked = await bare.isthmus("config", "check", "--json")
    finally:
        given = {**taken, "readable": True, "editable": True}
        await bare.org.control("POST", "permissions", given)
    assert named in why
    assert "isthmus config check" in do
    assert checked.status == CONFIGURATION
    assert any(named in finding["what"] and finding["fix"] for finding in checked.json()["findings"])


async def test_a_two_way_field_that_may_only_be_read_is_narrowed_with_a_warning(bare: World) -> None:
    rule = {"object": "Contact", "field": "Title"}
    await bare.org.control("POST", "permissions", {**rule, "editable": False})
    try:
        checked = await bare.isthmus("config", "check", "--json")
    finally:
        await bare.org.control("POST", "permissions", {**rule, "editable": True})
    assert checked.status == 0, checked.err
    (finding,) = [each for each in checked.json()["findings"] if "Title" in each["what"]]
    assert finding["level"] == "warning"
    assert "only pulled" in finding["what"]


async def test_names_that_do_not_exist_are_all_told_at_once_with_their_lines(bare: World) -> None:
    mistakes = {
        "Tittle": ("salesforce: Title,", "salesforce: Tittle,"),
        "born_on": ("postgres: born }", "postgres: born_on }"),
        "Campain": ("object: Campaign", "object: Campain"),
        "crm.company": ("table: crm.companies", "table: crm.company"),
    }
    _, why, _ = await _refused(bare, CONFIGURATION, *mistakes.values())
    lines = bare.config.read_text().splitlines()
    for name in mistakes:
        line = next(number for number, text in enumerate(lines, 1) if name in text)
        assert f"isthmus.yaml:{line}" in why, why
        assert name in why


async def test_a_table_without_primary_key(bare: World) -> None:
    without_key = ("key: [Region, Number] }", "}")
    before = ['ALTER TABLE "Ops"."Ventures" DROP CONSTRAINT "Ventures_pkey"']
    _, why, _ = await _refused(
        bare, CONFIGURATION, (f", {without_key[0]}", f" {without_key[1]}"), before=before
    )
    assert "Ops.Ventures" in why
    assert "key" in why


async def test_a_trigger_that_was_dropped(bare: World) -> None:
    trigger = await bare.value("""
        SELECT tgname FROM pg_trigger
        WHERE tgrelid = 'crm.people'::regclass AND NOT tgisinternal AND tgname LIKE '%update%'
    """)
    what, why, do = await _refused(bare, CONFIGURATION, before=[f'DROP TRIGGER "{trigger}" ON crm.people'])
    assert "capture" in what
    assert "crm.people" in why
    assert "isthmus capture install" in do
    assert (await bare.isthmus("capture", "status")).status == 3
    assert (await bare.isthmus("capture", "install")).status == 0
    assert (await bare.isthmus("capture", "status")).status == 0


async def test_an_unreachable_database(bare: World) -> None:
    nowhere = str(bare.folder / "nowhere")
    dsn = f"postgresql://postgres@/absent?host={nowhere}"
    _, why, _ = await _refused(bare, UNREACHABLE, (bare.dsn, dsn))
    assert "08006" in why or nowhere in why or "No such file" in why


@pytest.fixture
async def unmigrated(databases: Databases, tmp_path: Path, shared: Org) -> AsyncIterator[World]:
    async with world(databases, tmp_path, prepared=False, shared=shared) as made:
        yield made


async def test_no_schema_and_an_old_one(unmigrated: World) -> None:
    what, _, do = await _refused(unmigrated, CONFIGURATION)
    assert "migration 0" in what
    assert "isthmus migrate" in do
    assert (await unmigrated.isthmus("migrate")).status == 0
    newest = (await unmigrated.isthmus("migrate", "status", "--json")).json()["newest"]
    table = await unmigrated.value("""
        SELECT table_name FROM information_schema.columns
        WHERE table_schema = 'isthmus' AND table_name LIKE '%migration%' LIMIT 1
    """)
    column = await unmigrated.value(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'isthmus' AND table_name = $1"
        " AND data_type IN ('integer', 'bigint') LIMIT 1",
        table,
    )
    assert await unmigrated.execute(f'DELETE FROM isthmus."{table}" WHERE "{column}" = {newest}') == 1
    old = await unmigrated.isthmus("run")
    assert old.status == CONFIGURATION
    assert f"migration {newest - 1} of {newest}" in old.three_lines()[0]


async def test_a_second_daemon_on_the_same_database(running: World) -> None:
    running.api, api = "", running.api
    second = await running.isthmus("run")
    running.api = api
    assert second.status == REFUSED, (second.out, second.err)
    what, why, _ = second.three_lines()
    assert "another daemon" in what
    assert "lease" in why
    await running.execute("INSERT INTO crm.companies (name) VALUES ('after the second')")
    await running.sf_id("companies", str(await running.value("SELECT id FROM crm.companies")))


async def test_a_port_in_use(bare: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        what, why, do = await _refused(bare, REFUSED, (" listen: 127.0.0.1:0", f" listen: 127.0.0.1:{port}"))
    assert str(port) in what
    assert "another process" in why
    assert "http.listen" in do


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("client_secret: { file: ", "client_secret: HUSH # ", "client_secret"),
        ("direction: two_way", "directoin: two_way", "directoin"),
        ("log: { format: json", "log: { format: jsn", "format"),
    ],
    ids=["literal-secret", "unknown-key", "unknown-word"],
)
async def test_a_file_that_is_wrong_by_itself(bare: World, old: str, new: str, named: str) -> None:
    if old.startswith("client_secret"):
        text = re.search(r"client_secret: \{ file: [^}]*\}", bare.config.read_text()) or ["", ""]
        old, new = str(text[0]), "client_secret: HUSH"
    bare.configure((old, new))
    line = next(
        n for n, text in enumerate(bare.config.read_text().splitlines(), 1) if new.split(":")[0] in text
    )
    for arguments in (("run",), ("config", "check", "--offline")):
        done = await bare.isthmus(*arguments)
        assert done.status == CONFIGURATION, (done.out, done.err)
        assert f"isthmus.yaml:{line}" in done.err
        assert named in done.err
        assert "HUSH" not in done.err + done.out
        assert done.three_lines()
    assert await bare.org.writes() == []


# -- one record that cannot be applied


async def _listed(running: World, code: str) -> dict[str, Any]:
    await running.parked(code)
    done = await running.isthmus("parked", "list", "--json")
    assert done.status == 0, done.err
    (found,) = [item for item in done.json()["items"] if item["code"] == code]
    assert found["advice"], found
    assert found["reason"], found
    return dict(found)


async def test_salesforce_refuses_one_record(running: World) -> None:
    await running.execute("""
        INSERT INTO crm.people (last_name, email) VALUES
            ('Good', 'good@example.com'), ('Bad', 'no address'), ('Fine', 'fine@example.com')
    """)
    parked = await _listed(running, "INVALID_EMAIL_ADDRESS")
    keys = {
        row["last_name"]: str(row["id"])
        for row in await running.fetch("SELECT id, last_name FROM crm.people")
    }
    assert parked["key"] == keys["Bad"]
    assert parked["direction"] == "push"
    await running.sf_id("people", keys["Good"])
    await running.sf_id("people", keys["Fine"])
    await running.execute(
        "UPDATE crm.people SET email = 'bad@example.com', title = 'newest' WHERE last_name = 'Bad'"
    )
    retried = await running.isthmus("parked", "retry", str(parked["id"]), "--yes", "--json")
    assert retried.status in (0, 6), retried.err  # 6: the update itself has taken it along already
    record = await running.sf_id("people", keys["Bad"])
    await running.quiescent()
    assert await running.org.one("Contact", record, "Title") == "newest"
    assert await running.org.one("Contact", record, "Email") == "bad@example.com"
    assert len(await running.org.query("SELECT Id FROM Contact")) == 3
    assert (await running.isthmus("parked", "list", "--json")).json()["items"] == []


async def test_a_check_constraint_refuses_one_row(running: World) -> None:
    ids: dict[str, str] = {}

    def make(client: Any) -> None:
        for name, employees in (("Good", 10), ("Huge", 2_000_000), ("Fine", 20)):
            ids[name] = client.Account.create({"Name": name, "NumberOfEmployees": employees})["id"]

    await running.org.talk(make)
    parked = await _listed(running, "23514")
    assert parked["sf_id"] == ids["Huge"]
    assert parked["direction"] == "pull"
    assert "few_employees" in str(parked["message"])
    await running.key(ids["Good"])
    await running.key(ids["Fine"])
    await running.execute("ALTER TABLE crm.companies DROP CONSTRAINT few_employees")
    await running.org.talk(lambda client: client.Account.update(ids["Huge"], {"Site": "newest"}))
    await running.isthmus("parked", "retry", "--code", "23514", "--yes", "--json")
    key = await running.key(ids["Huge"])

    async def newest() -> bool:
        row = (await running.fetch("SELECT employees, site FROM crm.companies WHERE id = $1", int(key)))[0]
        return bool(row == {"employees": 2_000_000, "site": "newest"})

    await until(newest, "the newest values are there")
    await running.quiescent()
    assert (await running.isthmus("parked", "list", "--json")).json()["items"] == []
    assert await running.value("SELECT count(*) FROM crm.companies") == 3


async def test_a_retry_without_a_newer_change_passes_once_the_cause_is_gone(running: World) -> None:
    await running.org.control(
        "POST",
        "validation-rules",
        {"object": "Account", "field": "Site", "value": "forbidden", "message": "Not this site"},
    )
    await running.execute("INSERT INTO crm.companies (name, site) VALUES ('Ruled', 'forbidden')")
    parked = await _listed(running, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert "Not this site" in str(parked["message"])
    await running.org.control("DELETE", "rules")
    retried = await running.isthmus("parked", "retry", str(parked["id"]), "--yes", "--json")
    assert retried.status == 0, retried.err
    assert retried.json() == {"retried": 1}
    record = await running.sf_id("companies", str(parked["key"]))
    assert await running.org.one("Account", record, "Site") == "forbidden"
