"""The commands that open both sides themselves, over a catalogue and a database of known content."""

import csv
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import daemon
from daemon.cli.composition import Sides
from daemon.domain.failure import UnreachableError
from daemon.domain.identity import Identity
from daemon.domain.mapping import Step
from daemon.operations.marker import Instance
from daemon.ports.database import CaptureProblem
from daemon.ports.identifiers import Filled
from daemon.settings.models import Settings
from tests.unit.cli.conftest import Run, Terminal
from tests.unit.operations.sides import (
    OURS,
    Faults,
    KnownCatalogue,
    KnownConversions,
    KnownDatabase,
    KnownRecordIdentifiers,
    KnownRights,
    KnownRowIdentifiers,
    OneStream,
    Told,
)
from tests.unit.settings.sample import TEXT, an_object
from tests.unit.settings.sample import field as described


@dataclass
class Database(KnownDatabase):
    """Remembers what it was told to change."""

    done: list[str] = field(default_factory=list)

    async def migration_plan(self) -> Sequence[tuple[int, str, str]]:
        return [(3, "journal", "CREATE TABLE a ();\n"), (4, "lease", "CREATE TABLE b ();")]

    async def migrate(self) -> Sequence[int]:
        await self.faults.at("migrate")
        return [3, 4] if self.migrations[0] < self.migrations[1] else []

    async def make_tables(self, statements: Sequence[str]) -> None:
        self.done.append(f"{len(statements)} statements")

    async def capture_plan(self, steps: Sequence[Step]) -> Sequence[str]:
        return [f"CREATE TRIGGER t ON {step.table.qualified};" for step in steps]

    async def capture_install(self, steps: Sequence[Step]) -> Sequence[str]:
        self.done.append(f"install {','.join(step.name for step in steps)}")
        return await self.capture_plan(steps)

    async def capture_remove(self, steps: Sequence[str]) -> Sequence[str]:
        self.done.append(f"remove {','.join(steps)}")
        return ["DROP TRIGGER t"]


@dataclass
class OpenSides:
    catalogue: KnownCatalogue = field(default_factory=KnownCatalogue)
    database: Database = field(default_factory=lambda: Database(now=datetime.now(UTC)))
    records: Any = field(default_factory=Told)
    stream: OneStream = field(default_factory=OneStream)
    rights: KnownRights = field(default_factory=KnownRights)
    record_identifiers: KnownRecordIdentifiers = field(default_factory=KnownRecordIdentifiers)
    row_identifiers: KnownRowIdentifiers = field(default_factory=KnownRowIdentifiers)
    conversions: KnownConversions = field(default_factory=KnownConversions)
    closed: bool = False
    ran: list[Any] = field(default_factory=list)

    async def instance(self) -> Instance:
        return OURS

    def source(self) -> OneStream:
        return self.stream


@pytest.fixture
def sides(monkeypatch: pytest.MonkeyPatch, isthmus: Run) -> OpenSides:
    """Stands where the assembled program would: the commands get these two sides. The folder has a configuration."""
    opened = OpenSides()

    @asynccontextmanager
    async def open_sides(_: Settings) -> AsyncIterator[Sides]:
        yield opened
        opened.closed = True

    async def ran(*arguments: Any, **options: Any) -> int:
        opened.ran.append((*arguments, options))
        return 3

    program = SimpleNamespace(open_sides=open_sides, run_daemon=ran, run_demo=ran, run_emulator=ran)
    monkeypatch.setitem(sys.modules, "daemon.compose", program)
    monkeypatch.setattr(daemon, "compose", program, raising=False)
    monkeypatch.setenv("PGPASS", "x")
    Path("sf_private_key").write_text("key")
    monkeypatch.setenv("ISTHMUS_SECRETS_DIR", str(Path.cwd()))
    Path("isthmus.yaml").write_text(TEXT)
    return opened


@pytest.mark.parametrize("command", [["migrate"], ["migrate", "up"]])
def test_migrate_says_what_it_applied(isthmus: Run, sides: OpenSides, command: list[str]) -> None:
    sides.database.migrations = (2, 4)
    ran = isthmus(*command)
    assert (ran.status, ran.out) == (0, "migration\n3\n4\n")
    assert sides.closed
    sides.database.migrations = (4, 4)
    assert "already" in isthmus(*command).err


def test_migrate_status_tells_an_old_schema(isthmus: Run, sides: OpenSides) -> None:
    assert isthmus("migrate", "status").status == 0
    sides.database.migrations = (2, 4)
    ran = isthmus("migrate", "status", "--json")
    assert (ran.status, json.loads(ran.out)) == (3, {"applied": 2, "newest": 4})


def test_migrate_plan_is_sql(isthmus: Run, sides: OpenSides) -> None:
    assert isthmus("migrate", "plan").out == (
        "-- migration 3: journal\nCREATE TABLE a ();\n-- migration 4: lease\nCREATE TABLE b ();\n"
    )
    assert json.loads(isthmus("migrate", "plan", "--json").out)["items"][1]["name"] == "lease"


def test_an_unreachable_database_is_69(isthmus: Run, sides: OpenSides) -> None:
    sides.database.faults = Faults({"migrate": UnreachableError("no database", "refused", "start it")})
    ran = isthmus("migrate")
    assert (ran.status, ran.err) == (69, "isthmus: no database\nwhy: refused\ndo:  start it\n")


def test_capture_status_lists_what_to_mend(isthmus: Run, sides: OpenSides) -> None:
    assert isthmus("capture", "status").status == 0
    sides.database.wrong = [CaptureProblem("people", "crm.people", "no trigger", "isthmus capture install")]
    ran = isthmus("capture", "status")
    assert ran.status == 3
    assert ran.out.splitlines()[1] == "people\tcrm.people\tno trigger\tisthmus capture install"


def test_capture_plan_and_install_work_on_the_steps_named(isthmus: Run, sides: OpenSides) -> None:
    assert isthmus("capture", "plan", "--step", "people").out == "CREATE TRIGGER t ON crm.people;\n"
    ran = isthmus("capture", "install")
    assert sides.database.done == ["install accounts,people"]
    assert "isthmus capture remove" in ran.err
    assert json.loads(isthmus("capture", "plan", "--json").out)["items"][0]["sql"].endswith("crm.companies;")
    ran = isthmus("capture", "plan", "--step", "peple")
    assert (ran.status, ran.three) == (4, ["isthmus", "why", "do"])
    assert "people" in ran.err


def test_capture_remove_asks(isthmus: Run, sides: OpenSides) -> None:
    assert isthmus("capture", "remove", "--step", "people").status == 5
    assert sides.database.done == []
    assert isthmus("capture", "remove", "--step", "people", "--yes", "-v").out == "DROP TRIGGER t;\n"
    assert sides.database.done == ["remove people"]


def test_capture_needs_a_configuration_that_fits(isthmus: Run, sides: OpenSides) -> None:
    sides.database.tables = {}
    ran = isthmus("capture", "plan")
    assert ran.status == 78
    assert "crm.people" in ran.err


def test_config_check_on_both_sides(isthmus: Run, sides: OpenSides) -> None:
    ran = isthmus("config", "check")
    assert ran.status == 0
    assert ran.out.splitlines()[0] == "level\twhere\tpath\twhat\tfix"
    sides.catalogue.captured = None
    assert isthmus("config", "check").status == 0
    assert isthmus("config", "check", "--strict").status == 3
    sides.database.tables = {}
    ran = isthmus("config", "check", "--json")
    assert ran.status == 78
    assert {each["level"] for each in json.loads(ran.out)["findings"]} >= {"problem"}
    assert json.loads(ran.err)["exit_status"] == 78


def test_config_check_offline_asks_nobody(isthmus: Run, sides: OpenSides) -> None:
    ran = isthmus("config", "check", "--offline", "--json")
    assert (ran.status, json.loads(ran.out)) == (0, {"steps": ["accounts", "people"], "findings": []})
    assert not sides.closed


def test_config_show_can_be_one_step(isthmus: Run, sides: OpenSides) -> None:
    assert [
        step["name"]
        for step in json.loads(isthmus("config", "show", "--step", "people", "--json").out)["steps"]
    ] == ["people"]


def test_identifiers_in_numbers(isthmus: Run, sides: OpenSides) -> None:
    assert isthmus("step", "identifiers", "accounts").status == 0
    sides.record_identifiers.values = Filled(4, 1)
    ran = isthmus("step", "identifiers", "accounts", "--json")
    assert ran.status == 3
    [way] = json.loads(ran.out)["identifiers"]
    assert (way["field"], way["column"]) == ("Account.Company_Key__c", "key")
    assert (way["records"], way["records_with_value"]) == (4, 1)
    assert "an upsert makes a duplicate" in json.loads(ran.out)["findings"][0]["what"]
    assert isthmus("step", "identifiers", "nobody").status == 4


@pytest.mark.requirement("S4-30")
def test_records_without_a_value_are_exported(isthmus: Run, sides: OpenSides) -> None:
    sides.record_identifiers.empty = [
        {"Id": "001A", "Company_Key__c": None, "Name": 'Acme, "the" one'},
        {"Id": "001B", "Company_Key__c": None, "Name": "Zoë"},
    ]
    ran = isthmus("step", "identifiers", "accounts", "--export", "without.csv")
    assert (ran.status, ran.out) == (3, "")
    assert "2 records of Account have no value in Company_Key__c" in ran.err
    lines = list(csv.DictReader(Path("without.csv").read_text("utf-8").splitlines()))
    assert [(line["Id"], line["Company_Key__c"], line["Name"]) for line in lines] == [
        ("001A", "", 'Acme, "the" one'),
        ("001B", "", "Zoë"),
    ]
    assert isthmus("step", "identifiers", "accounts", "--export", "without.jsonl").status == 3
    [first, _] = Path("without.jsonl").read_text("utf-8").splitlines()
    assert json.loads(first)["Name"] == 'Acme, "the" one'
    refused = isthmus("step", "identifiers", "accounts", "--export", "without.csv")
    assert (refused.status, "without.csv cannot be written" in refused.err) == (5, True)
    sides.record_identifiers.empty = []
    shown = isthmus("step", "identifiers", "accounts", "--export", "-")
    assert (shown.status, shown.out.startswith("Id,Company_Key__c,Name")) == (0, True)


def test_doctor_lists_checks_and_fails_with_3(isthmus: Run, sides: OpenSides) -> None:
    sides.catalogue.org = {**sides.catalogue.org, "is_sandbox": "true"}
    ran = isthmus("doctor", "--json")
    assert ran.status == 3
    checks = {each["name"]: each["state"] for each in json.loads(ran.out)["checks"]}
    assert checks["postgres.reach"] == "ok"
    assert checks["salesforce.auth"] == "FAIL"
    assert "1 failed" in ran.err


def test_doctor_takes_globs(isthmus: Run, sides: OpenSides) -> None:
    ran = isthmus("doctor", "--only", "postgres*", "--skip", "postgres.capture", "-q")
    assert (ran.status, ran.err) == (0, "")
    names = [line.split("\t")[1] for line in ran.out.splitlines()[1:]]
    assert "postgres.reach" in names
    assert not [name for name in names if not name.startswith("postgres") or name == "postgres.capture"]
    assert sides.stream.calls == []


def test_doctor_on_a_terminal_shows_each_check_with_its_fix(
    isthmus: Run, sides: OpenSides, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides.database.migrations = (0, 3)
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    isthmus("doctor", "--only", "postgres.schema", "--no-color")
    assert [line.split() for line in terminal.getvalue().splitlines()] == [
        ["FAIL", "postgres.schema", "there", "is", "no", "schema", "isthmus"],
        ["fix:", "Run:", "isthmus", "migrate", "up"],
    ]


def test_the_commands_that_stay_give_back_what_the_program_says(isthmus: Run, sides: OpenSides) -> None:
    Path("seed.json").write_text("{}")
    assert isthmus("run", "--migrate", "--once", "--standby").status == 3
    assert isthmus("demo", "--check", "--keep", "here").status == 3
    asked = "--port 0 --seed seed.json --switch merge_events=false --keys keys --random-seed 7 --poll 2s --hold 5m --json"
    assert isthmus("emulator", *asked.split()).status == 3
    run, demo, emulator = sides.ran
    assert run[0].name == "acme-prod"
    assert run[1].pop("reread")().name == "acme-prod", "what the files say is read again"
    assert run[1] == {"migrate": True, "once": True, "standby": True}
    assert demo == ({"check": True, "database": None, "keep": Path("here")},)
    assert emulator == (
        {
            "host": "127.0.0.1",
            "port": 0,
            "seed": Path("seed.json"),
            "switches": ["merge_events=false"],
            "keys": Path("keys"),
            "random_seed": 7,
            "poll": 2.0,
            "as_json": True,
            "hold": 300.0,
        },
    )
    assert isthmus("emulator", "--seed", "missing.json").status == 2


def test_the_database_is_shown_as_it_is_and_as_it_is_known(isthmus: Run, sides: OpenSides) -> None:
    sides.database.was = Identity("7713", "99", "00000001")
    shown = json.loads(isthmus("database", "show", "--json").out)
    assert shown["found"]["database"] == "16384"
    assert shown["known"]["database"] == "99"


def test_another_database_is_accepted_only_on_purpose(isthmus: Run, sides: OpenSides) -> None:
    was = sides.database.was = Identity("7713", "99", "00000001")
    assert isthmus("database", "accept", "--no-input").status == 5
    assert sides.database.was == was
    assert isthmus("database", "accept", "--yes").status == 0
    assert sides.database.was == Identity("7713", "16384", "accepted")


@pytest.mark.requirement("S1-49", "S4-09")
def test_step_fields_lists_both_sides_and_what_may_be_paired(isthmus: Run, sides: OpenSides) -> None:
    listed = json.loads(isthmus("step", "fields", "accounts", "--json").out)["items"]
    by_name = {item["field"]: item for item in listed}
    revenue = by_name["AnnualRevenue"]
    assert (revenue["type"], revenue["column"], revenue["rights"]) == (
        "currency(18,2)",
        "revenue",
        "create, update",
    )
    assert "revenue numeric(18,2)" in revenue["columns"]
    assert "name text" not in revenue["columns"], "a number has no place in a text"
    assert by_name["Company_Key__c"]["rights"] == "create, update, external id"
    assert by_name["Score"]["rights"] == "read only"
    other = json.loads(
        isthmus("step", "fields", "--object", "Contact", "--table", "crm.people", "--json").out
    )
    assert {item["column"] for item in other["items"]} == {""}
    assert isthmus("step", "fields").status == 2
    assert isthmus("step", "fields", "nobody").status == 4
    assert isthmus("step", "fields", "--object", "Nope", "--table", "crm.people").status == 4


@pytest.mark.requirement("S4-69")
def test_step_fields_of_a_relation_knows_a_field_as_soon_as_it_is_there(
    isthmus: Run, sides: OpenSides
) -> None:
    def listed() -> set[str]:
        said = isthmus(
            "step", "fields", "--object", "OpportunityContactRole", "--table", "crm.people", "--json"
        )
        return {item["field"] for item in json.loads(said.out)["items"]}

    role = an_object("OpportunityContactRole", described("Role", "picklist"))
    sides.catalogue.objects = {**sides.catalogue.objects, role.name: role}
    assert listed() == {"Role"}
    tracking = described("Isthmus_Key__c", external_id=True, unique=True)
    sides.catalogue.objects = {
        **sides.catalogue.objects,
        role.name: an_object(role.name, *role.fields.values(), tracking),
    }
    assert listed() == {"Role", "Isthmus_Key__c"}
