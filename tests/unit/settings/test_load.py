from datetime import timedelta
from pathlib import Path

import pytest

from daemon.domain.policy import Behaviour, Policy
from daemon.domain.side import Direction, Side
from daemon.ports.api import Role
from daemon.settings.connections import JwtAuth
from daemon.settings.errors import SettingsError
from daemon.settings.load import load, loads
from daemon.settings.scalars import spoken
from tests.unit.settings.sample import NAME, TEXT, changed, line_of, refused, settings


def test_a_configuration_is_read_whole() -> None:
    loaded = settings()
    assert loaded.salesforce.api_version == "62.0"
    assert loaded.salesforce.base_url == "https://acme.my.salesforce.com"
    assert loaded.salesforce.audience == "https://login.salesforce.com"
    assert isinstance(loaded.salesforce.auth, JwtAuth)
    assert loaded.defaults.conflict is not None
    assert loaded.defaults.conflict.window == timedelta(seconds=5)
    step = loaded.steps[0]
    assert step.postgres.key == ("id",)
    assert step.push.behaviour is Behaviour.UPDATE_OR_CREATE
    assert step.fields[1].direction is Direction.PULL
    values = step.fields[2].values
    assert values is not None
    assert values.map["NO"] == "012"
    assert str(loaded.origin(("steps", 0, "fields", 1))) == f"{NAME}:{line_of('AnnualRevenue')}"


def test_a_policy_is_a_word_or_an_object() -> None:
    both = changed(
        ("AnnualRevenue, postgres: revenue", "AnnualRevenue, postgres: revenue, conflict: salesforce"),
        ("Name, postgres: name", "Name, postgres: name, conflict: { policy: manual, tie: postgres }"),
    )
    name, revenue, _ = loads(both, {}).steps[0].fields
    assert revenue.conflict is not None
    assert revenue.conflict.policy is Policy.SALESFORCE
    assert name.conflict is not None
    assert (name.conflict.policy, name.conflict.tie) == (Policy.MANUAL, Side.POSTGRES)


# What is changed, the piece that stands on the line to blame, and what is said about it.
REFUSALS = [
    (
        "direction: pull }",
        "direction: pul }",
        "direction: pul }",
        "steps[accounts].fields[1].direction: 'pul' is none of the allowed words; did you mean pull?",
    ),
    (
        "update_or_create",
        "append",
        "append",
        "steps[accounts].push.behaviour: 'append' is none of the allowed words; allowed are: update_or_create, update_only, create_only",
    ),
    (
        "{ credential: sf_private_key }",
        "hunter2",
        "hunter2",
        "salesforce.auth.private_key: must not be written here; write { file: … }, { credential: … } or { env: … } here",
    ),
    ("{ env: PGPASS }", "12345", "12345", "database.password: must not be written here; write { file: … }"),
    ("{ env: PGPASS }", "{ env: A, file: b }", "file: b", "database.password: must not be written here"),
    (
        "{ env: PGPASS }",
        "{ file: '-----BEGIN KEY' }",
        "BEGIN",
        "database.password.file: is no path; write the path of the file",
    ),
    ("{ env: PGPASS }", "{ env: 'a b' }", "a b", "database.password.env: is no variable's name"),
    (
        "{ env: PGPASS }",
        "{ credential: ../x }",
        "../x",
        "database.password.credential: is no credential's name",
    ),
    (
        "external_id: {",
        "extrnal_id: {",
        "extrnal_id",
        "steps[accounts].identify[0]: is not one way to find a counterpart; did you mean external_id?",
    ),
    (
        "- external_id: { salesforce: Company_Key__c, postgres: key }",
        "- {}",
        "- {}",
        "steps[accounts].identify[0]: is not one way to find a counterpart; write one of",
    ),
    (
        "mandatory",
        "mandatry",
        "mandatry",
        "steps[accounts].fields[0].mandatry: is no key here; did you mean mandatory?",
    ),
    (
        "push_choice: {",
        "zzz: {",
        "zzz",
        "steps[accounts].fields[2].values.zzz: is no key here; known are: default, map, push_choice",
    ),
    ("flow: jwt", "flow: jw", "flow: jw", "salesforce.auth.flow: is no flow; did you mean jwt?"),
    (
        "flow: jwt",
        "floww: jwt",
        "auth:",
        "salesforce.auth: must say which flow; write `flow:` with one of jwt, client_credentials, refresh_token",
    ),
    (
        "    username: integration@acme.com\n",
        "",
        "auth:",
        "salesforce.auth.username: is missing; add it (The integration user)",
    ),
    ("username:", "client_secret:", "client_secret", "salesforce.auth.client_secret: is no key here"),
    (
        "window: 5s",
        "window: 5 s",
        "5 s",
        "defaults.conflict.window: is no duration; write a number and ms, s, m, h or d",
    ),
    (
        "window: 5s",
        "window: 9999d",
        "9999d",
        "defaults.conflict.window: is longer than ten years; write at most 3650d",
    ),
    ("attempts: 8", "attempts: eight", "eight", "defaults.retry.attempts: must be a whole number"),
    ("attempts: 8", "attempts: 0", "attempts: 0", "defaults.retry.attempts: must be at least 1"),
    ("attempts: 8", "attempts: 101", "attempts: 101", "defaults.retry.attempts: must be at most 100"),
    (
        "first: 1s",
        "first: 10m",
        "10m",
        "defaults.retry.first: is longer than the longest wait; make it shorter than max",
    ),
    (
        "mandatory: true",
        "mandatory: perhaps",
        "perhaps",
        "steps[accounts].fields[0].mandatory: must be true or false",
    ),
    ("version: 1", "version: 2", "version: 2", "version: is none of the allowed words; allowed are: 1"),
    ("name: acme-prod", "name: a b", "a b", "name: is not in the right form"),
    ("name: acme-prod", "name: [a]", "[a]", "name: must be text"),
    (
        "name: acme-prod\n",
        "name: acme-prod\nprofile: built-in\n",
        "profile",
        "profile: 'built-in' is none of the allowed words",
    ),
    (
        "fields:\n      - { salesforce: Name",
        "fields: x\n    was:\n      - { salesforce: Name",
        "fields: x",
        "steps[accounts].fields: must be a list",
    ),
    (
        "{ object: Account }",
        "{ object: 'Account; x' }",
        "Account; x",
        "steps[accounts].salesforce.object: is no Salesforce API name",
    ),
    (
        "table: crm.companies",
        "table: a.b.c",
        "a.b.c",
        "steps[accounts].postgres.table: is no table name; write SCHEMA.TABLE",
    ),
    ("name: accounts", "name: My Accounts", "My Accounts", "steps[My Accounts].name: is no usable name"),
    (
        "isthmus@db",
        "isthmus:hunter2@db",
        "hunter2",
        "database.dsn: has a password in it; take it out and write `password: { credential: … }`",
    ),
    ("?sslmode=verify-full", "?password=hunter2", "hunter2", "database.dsn: has a password in it"),
    (
        "postgresql://isthmus@db:5432",
        "mysql://isthmus@db",
        "mysql",
        "database.dsn: is no address of a database; write postgresql://USER@HOST:PORT/DATABASE",
    ),
    (":5432/", ":hunter2@x/", "hunter2", "database.dsn: has a password in it"),
    (
        "acme.my.",
        "acme--uat.sandbox.my.",
        "environment:",
        "salesforce.environment: is production, but the domain is a sandbox's; write environment: sandbox",
    ),
    (
        "acme.my.",
        "acme.scratch.my.",
        "environment:",
        "salesforce.environment: is production, but the domain is a scratch's",
    ),
    (
        "environment: production",
        "environment: sandbox",
        "environment:",
        "salesforce.environment: is sandbox, but the domain is not a sandbox's",
    ),
    (
        "domain: acme",
        "domain: http://acme",
        "http://",
        "salesforce.domain: must be reached over https; only environment: emulator may use http",
    ),
    (
        "domain: acme",
        "domain: https://acme",
        "https://",
        "salesforce.domain: must be the host alone; write acme.my.salesforce.com",
    ),
    (
        "acme.my.salesforce.com",
        "acme.example.org",
        "example",
        "salesforce.domain: is not a host of Salesforce's; write the org's My Domain",
    ),
    (
        "acme.my.salesforce.com",
        "acme.my.salesforce.com.evil.org",
        "evil",
        "salesforce.domain: is not a host of Salesforce's",
    ),
    (
        "acme.my.salesforce.com",
        "acme.my.salesforce.com:8443",
        "8443",
        "salesforce.domain: has a port of its own",
    ),
    ("acme.my.salesforce.com", "a b", "a b", "salesforce.domain: is no host"),
    (
        "environment: production",
        "environment: emulator",
        "domain:",
        "salesforce.domain: is a real org's host, and the environment is emulator",
    ),
    (
        "acme.my.salesforce.com\n  environment: production",
        "localhost:8080\n  environment: emulator",
        "localhost",
        "salesforce.domain: must be the emulator's whole address; write http://localhost:PORT",
    ),
    (
        "name, mandatory: true }",
        "name, direction: two_way }\n      - { salesforce: name, postgres: other }",
        "postgres: other",
        "steps[accounts].fields[1].salesforce: name is mapped twice (first as fields[0]); keep one of them",
    ),
    (
        "postgres: revenue",
        "postgres: name",
        "AnnualRevenue",
        "steps[accounts].fields[1].postgres: Name is already pulled into name; let one of the two be direction: push",
    ),
    (
        "postgres: revenue, direction: pull",
        "postgres: revenue, const: 5",
        "const: 5",
        "steps[accounts].fields[1].const: const and postgres exclude each other",
    ),
    (
        "postgres: revenue, direction: pull",
        "direction: pull",
        "AnnualRevenue",
        "steps[accounts].fields[1]: AnnualRevenue has no column; add `postgres: COLUMN` or `const: VALUE`",
    ),
    (
        "postgres: revenue, direction: pull",
        "direction: pull, const: 5",
        "const: 5",
        "steps[accounts].fields[1].direction: a constant is only ever pushed",
    ),
    (
        "postgres: revenue, direction: pull",
        "const: 5, default: 6",
        "const: 5",
        "steps[accounts].fields[1].default: default means nothing beside const; remove it",
    ),
    (
        "salesforce: AnnualRevenue",
        "salesforce: Id",
        "salesforce: Id",
        "steps[accounts].fields[1].salesforce: a record's id is not a field to map; write `identify: [ { salesforce_id: COLUMN } ]`",
    ),
    (
        "lookup: { step: accounts }",
        "lookup: { step: acounts }",
        "acounts",
        "steps[people].fields[1].lookup.step: there is no step acounts; did you mean accounts?",
    ),
    (
        "depends_on: [accounts]",
        "depends_on: [nobody]",
        "nobody",
        "steps[people].depends_on[0]: there is no step nobody; known are: accounts, people",
    ),
    (
        "depends_on: [accounts]",
        "depends_on: [people]",
        "[people]",
        "steps[people].depends_on[0]: a step cannot depend on itself",
    ),
    (
        "  - name: accounts\n",
        "  - name: accounts\n    enabled: false\n",
        "lookup:",
        "steps[people].fields[1].lookup.step: the step accounts is disabled; enable accounts, or remove this",
    ),
    (
        "          push_choice: { customer: Direct }\n",
        "",
        "map:",
        "steps[accounts].fields[2].values.map: customer stands for Direct or Channel, and nothing says which to send; add `push_choice: { customer: Direct }`",
    ),
    (
        "{ customer: Direct }",
        "{ customer: Prospect }",
        "push_choice",
        "steps[accounts].fields[2].values.push_choice.customer: Prospect does not stand for customer; write Direct or Channel",
    ),
    (
        "{ customer: Direct }",
        "{ customer: Direct, x: y }",
        "push_choice",
        "steps[accounts].fields[2].values.push_choice.x: the map has no value x; its values are: 012, customer, lead",
    ),
    (
        "lookup: { step: accounts }",
        "lookup: { step: accounts }, values: { map: { a: b } }",
        "lookup:",
        "steps[people].fields[1].values: a lookup translates ids, and a map cannot",
    ),
    (
        "{ object: Contact }\n    postgres: { table: crm.people }",
        "{ object: Account }\n    postgres: { table: crm.companies }",
        "{ table: crm.companies }",
        "steps[people].postgres.table: the step accounts already relates crm.companies to Account (isthmus.yaml:19); put the fields into one step, or let there be",
    ),
]


@pytest.mark.parametrize(("old", "new", "piece", "said"), REFUSALS, ids=lambda v: v[:40])
def test_a_mistake_is_told_where_it_stands(old: str, new: str, piece: str, said: str) -> None:
    found = refused((old, new))
    expected = f"{NAME}:{line_of(piece, (old, new))}: {said}"
    assert any(line.startswith(expected) for line in found), found
    assert not any("hunter2" in line or "12345" in line for line in found)


def test_one_mistake_is_one_problem() -> None:
    assert len(refused(("mandatory", "mandatry"))) == 1
    assert len(refused(("lookup: { step: accounts }", "lookup: { step: x }"))) == 1


def test_a_field_cannot_widen_its_step() -> None:
    found = refused(("two_way\n    push", "push\n    push"), ("name: people", "name: people"))
    line = line_of("AnnualRevenue")
    assert found == [
        (
            f"{NAME}:{line}: steps[accounts].fields[1].direction: pull widens the step's direction push; "
            "write push, or change the step's direction"
        )
    ]


def test_a_constant_needs_a_step_that_pushes() -> None:
    found = refused(
        ("two_way\n    push", "pull\n    push"), ("postgres: revenue, direction: pull", "const: 5")
    )
    assert found == [
        (
            f"{NAME}:{line_of('AnnualRevenue')}: steps[accounts].fields[1].const: a constant is pushed, and this step "
            "only pulls; remove it, or let the step be direction: two_way"
        )
    ]


def test_a_step_name_twice() -> None:
    change = ("name: people", "name: accounts")
    found = refused(change)
    again, first = line_of("{ object: Contact }") - 1, line_of("name: accounts")
    said = f"the step accounts is there twice (first at {NAME}:{first}); rename one of them"
    assert f"{NAME}:{again}: steps[accounts].name: {said}" in found


@pytest.mark.parametrize("way", ["push", "pull"])
def test_updates_need_a_way_to_find_their_record(way: str) -> None:
    changes = (
        ("push: { behaviour: update_or_create }", f"{way}: {{ behaviour: update_only }}"),
        ("    identify:\n      - external_id: { salesforce: Company_Key__c, postgres: key }\n", ""),
    )
    assert refused(*changes) == [
        (
            f"{NAME}:{line_of('update_only', *changes)}: steps[accounts].{way}.behaviour: update_only finds nothing to "
            "update without identify; add identify, or write update_or_create"
        )
    ]


def test_a_cycle_of_dependencies_is_told_once_with_its_names() -> None:
    change = (
        "    direction: two_way\n    push",
        "    depends_on: [people]\n    direction: two_way\n    push",
    )
    assert refused(change) == [
        (
            f"{NAME}:{line_of('depends_on: [people]', change)}: steps[accounts].depends_on: the steps depend on one "
            "another: accounts -> people -> accounts; remove one of these depends_on; a cycle of lookups alone needs none of them"
        )
    ]


def test_a_group_moves_together() -> None:
    found = refused(
        ("Name, postgres: name", "Name, group: g, postgres: name"),
        ("AnnualRevenue,", "AnnualRevenue, group: g, conflict: manual,"),
    )
    line = line_of("AnnualRevenue")
    assert [part.split(": ", 2)[2] for part in found] == [
        "the group g moves together, but Name has another direction; give its fields one direction",
        "the group g moves together, but Name has another conflict rule; give its fields one conflict rule",
    ]
    assert all(part.startswith(f"{NAME}:{line}: steps[accounts].fields[1].group") for part in found)


def test_everything_is_told_at_once_in_the_order_of_the_file() -> None:
    found = refused(
        ("version: 1", "version: 9"),
        ("isthmus@db", "isthmus:hunter2@db"),
        ("lookup: { step: accounts }", "lookup: { step: x }"),
        ("window: 5s", "window: ever"),
        ("mandatory: true", "mandatry: true"),
    )
    lines = [int(problem.split(":")[1]) for problem in found]
    assert len(found) == 5
    assert lines == sorted(lines)


def test_an_error_has_three_lines() -> None:
    with pytest.raises(SettingsError) as caught:
        settings(("mandatory", "mandatry"))
    what, why, fix = caught.value.lines()
    assert what == "the configuration has 1 problem"
    assert why.startswith(f"{NAME}:{line_of('mandatory')}: ")
    assert fix == "Mend them, then run `isthmus config check`."


@pytest.mark.requirement("S4-12")
def test_files_merge_and_a_problem_names_its_own_file(tmp_path: Path) -> None:
    base, over = tmp_path / "base.yaml", tmp_path / "over.yaml"
    base.write_text(TEXT)
    over.write_text(
        "salesforce:\n  environment: sandbox\n  domain: acme--uat.sandbox.my.salesforce.com\n"
        "steps:\n  - name: people\n    batch_size: 50\n"
    )
    loaded = load([base, over], {})
    assert loaded.salesforce.audience == "https://test.salesforce.com"
    assert [step.batch_size for step in loaded.steps] == [None, 50]
    over.write_text("steps:\n  - name: people\n    batch_size: 500\n")
    with pytest.raises(SettingsError) as caught:
        load([base, over], {})
    assert str(caught.value.problems[0]) == f"{over}:3: steps[people].batch_size: must be at most 200"


def test_the_environment_overrides_two_keys_and_is_named_as_their_origin() -> None:
    loaded = loads(TEXT, {"ISTHMUS_LOG_LEVEL": "debug", "ISTHMUS_HTTP_LISTEN": "[::1]:0"})
    assert (loaded.log.level, loaded.http.api_address) == ("debug", ("::1", 0))
    with pytest.raises(SettingsError) as caught:
        loads(TEXT, {"ISTHMUS_LOG_LEVEL": "loud"})
    assert str(caught.value.problems[0]).startswith(
        "$ISTHMUS_LOG_LEVEL: log.level: 'loud' is none of the allowed"
    )


def test_no_file_and_a_missing_file() -> None:
    with pytest.raises(SettingsError, match="problem"):
        load([], {})
    with pytest.raises(SettingsError) as caught:
        load([Path("/nowhere/a.yaml"), Path("/nowhere/b.yaml")], {})
    assert [problem.where for problem in caught.value.problems] == ["/nowhere/a.yaml", "/nowhere/b.yaml"]


def test_the_emulator_may_be_reached_over_http() -> None:
    loaded = settings(
        ("acme.my.salesforce.com", "http://localhost:8471"),
        ("environment: production", "environment: emulator"),
    )
    assert loaded.salesforce.base_url == loaded.salesforce.audience == "http://localhost:8471"
    assert loaded.salesforce.host == "localhost:8471"


@pytest.mark.parametrize("address", ["8470", "host:", "::1:80", "host:99999", "host:port", ":80"])
def test_an_address_that_is_none(address: str) -> None:
    change = ("defaults:", f'http: {{ listen: "{address}" }}\ndefaults:')
    assert refused(change)[0].startswith(
        f"{NAME}:{line_of('listen', change)}: http.listen: is no address; write HOST:PORT"
    )


def test_tokens_carry_a_role_and_metrics_may_share_the_listener() -> None:
    loaded = settings(
        (
            "defaults:",
            (
                "http:\n  metrics_listen: null\n  auth: { tokens: [ { name: ops, role: operator, token: { env: T } } ] }\n"
                "defaults:"
            ),
        )
    )
    assert loaded.http.auth.tokens[0].grants is Role.OPERATOR
    assert loaded.http.metrics_address is None


@pytest.mark.parametrize("text", ["500ms", "30s", "5m", "2h", "90d", "0s"])
def test_durations_are_written_as_they_are_read(text: str) -> None:
    conflict = settings(("window: 5s", f"window: {text}")).defaults.conflict
    assert conflict is not None
    assert conflict.window is not None
    assert spoken(conflict.window) == text


def test_braces_and_dollars_are_letters() -> None:
    field = settings(("postgres: revenue, direction: pull", 'const: "${HOME} {what}"')).steps[0].fields[1]
    assert field.const == "${HOME} {what}"


def test_every_text_is_as_it_was_spelled() -> None:
    change = ("push_choice:", "default: { pull: 007, push: null }\n          push_choice:")
    values = settings(change).steps[0].fields[2].values
    assert values is not None
    assert (values.default.pull, values.default.push) == ("007", None)
    constants = ("postgres: revenue, direction: pull", "const: [01, true, x]")
    assert settings(constants).steps[0].fields[1].const == ("01", "true", "x")


def test_an_empty_list_is_refused_where_one_is_needed() -> None:
    change = ("key: id", "key: []")
    said = "steps[accounts].postgres.key: is empty; write at least one"
    assert refused(change) == [f"{NAME}:{line_of('key: []', change)}: {said}"]
