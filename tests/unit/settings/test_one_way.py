"""A step in and a step out over one table and one object: what runs for them, and what contradicts."""

import pytest

from daemon.domain.drift import KnownStep
from daemon.domain.mapping import Step
from daemon.domain.policy import Behaviour, OnDelete, Policy
from daemon.domain.side import Direction, Side
from daemon.ports.database import TableDescription
from daemon.ports.salesforce import ObjectDescription
from daemon.settings.errors import SettingsError
from daemon.settings.load import loads
from daemon.settings.resolution.holding import Holding, resolve_holding
from daemon.settings.resolve import resolve
from tests.unit.settings.sample import TEXT, a_table, an_object, column, field

HEAD = TEXT[: TEXT.index("steps:")]
IN = """\
  - name: people_in
    salesforce: { object: Contact }
    postgres: { table: crm.people }
    direction: pull
    identify: [ { external_id: { salesforce: Key__c, postgres: key } } ]
    fields:
      - { salesforce: LastName, postgres: last_name }
      - { salesforce: Phone, postgres: phone }
      - { salesforce: MailingCity, postgres: city, group: address }
      - { salesforce: MailingStreet, postgres: street, group: address }
"""
OUT = """\
  - name: people_out
    salesforce: { object: Contact }
    postgres: { table: crm.people }
    direction: push
    identify: [ { external_id: { salesforce: Key__c, postgres: key } } ]
    fields:
      - { salesforce: LastName, postgres: last_name, mandatory: true }
      - { salesforce: Title, postgres: title }
"""
NOTES = """\
  - name: notes
    salesforce: { object: Task }
    postgres: { table: crm.notes }
    direction: push
    depends_on: [people_out, people_in]
    fields:
      - { salesforce: WhoId, postgres: person, lookup: { step: people_out } }
      - { salesforce: Subject, postgres: subject }
"""
OBJECTS = {
    "Contact": an_object(
        "Contact",
        field("LastName", nillable=False, length=80),
        field("Phone", length=40),
        field("Title", length=40),
        field("MailingCity", length=40),
        field("MailingStreet", length=40),
        field("Key__c", length=40, external_id=True, unique=True, id_lookup=True),
    ),
    "Task": an_object(
        "Task", field("WhoId", "reference", reference_to=("Contact", "Lead")), field("Subject", length=80)
    ),
}
PEOPLE = a_table(
    "people",
    column("id", "bigint"),
    *(column(name) for name in ("last_name", "phone", "title", "city", "street", "key", "other")),
    column("changed", "timestamp with time zone"),
)
TABLES = {
    "crm.people": PEOPLE,
    "crm.notes": a_table("notes", column("id", "bigint"), column("person", "bigint"), column("subject")),
}


def text(*changes: tuple[str, str], steps: str = IN + OUT + NOTES) -> str:
    whole = f"{HEAD}steps:\n{steps}"
    for old, new in changes:
        assert old in whole, old
        whole = whole.replace(old, new, 1)
    return whole


def inside(step: str, *changes: tuple[str, str]) -> tuple[str, str]:
    """A change inside one step's text."""
    changed = step
    for old, new in changes:
        assert old in changed, old
        changed = changed.replace(old, new, 1)
    return step, changed


def run(
    *changes: tuple[str, str],
    objects: dict[str, ObjectDescription] = OBJECTS,
    tables: dict[str, TableDescription] = TABLES,
) -> dict[str, Step]:
    found = resolve(loads(text(*changes), {}), objects, tables)
    assert found.steps is not None, [str(problem) for problem in found.problems]
    return dict(found.steps.by_name)


def refused(*changes: tuple[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        loads(text(*changes), {})
    return [str(problem) for problem in caught.value.problems]


def test_two_steps_are_written_and_one_runs() -> None:
    settings = loads(text(), {})
    assert [step.name for step in settings.steps] == ["people_in", "people_out", "notes"]
    steps = run()
    assert list(steps) == ["people_in", "notes"]
    pair = steps["people_in"]
    assert (pair.ways, pair.direction) == (("people_in", "people_out"), Direction.TWO_WAY)
    assert {name: mapped.direction for name, mapped in pair.by_name.items()} == {
        "LastName": Direction.TWO_WAY,
        "Phone": Direction.PULL,
        "MailingCity": Direction.PULL,
        "MailingStreet": Direction.PULL,
        "Title": Direction.PUSH,
    }
    assert pair.by_name["LastName"].mandatory
    assert steps["notes"].depends_on == ("people_in",)
    assert steps["notes"].by_name["WhoId"].lookup == "people_in"


def test_the_order_of_the_two_does_not_matter() -> None:
    found = resolve(loads(text(steps=OUT + IN), {}), OBJECTS, TABLES)
    assert found.steps is not None
    [pair] = found.steps.ordered
    assert (pair.name, pair.ways) == ("people_in", ("people_in", "people_out"))


def test_each_way_keeps_its_own_rules() -> None:
    pair = run(
        inside(
            IN,
            (
                "direction: pull\n",
                "direction: pull\n    pull: { behaviour: update_only, filter: { soql: \"Phone != ''\" }, owned: refuse }\n    on_delete: keep\n    depends_on: [people_out]\n    batch_size: 10\n    actions: [ { name: tell, do: { function: crm.tell } } ]\n",
            ),
        ),
        inside(
            OUT,
            (
                "direction: push\n",
                "direction: push\n    push: { behaviour: create_only, create: on_request, filter: { sql: \"phone <> ''\" } }\n    delete_conflict: update_wins\n    conflict: salesforce\n    actions: [ { name: tell, do: { function: crm.tell } } ]\n",
            ),
            ("crm.people }", "crm.people, updated_at: changed }"),
        ),
    )["people_in"]
    assert (pair.pull, pair.push, pair.on_request) == (Behaviour.UPDATE_ONLY, Behaviour.CREATE_ONLY, True)
    assert (pair.on_deleted(Side.SALESFORCE), pair.on_deleted(Side.POSTGRES)) == (
        OnDelete.KEEP,
        OnDelete.PROPAGATE,
    )
    assert (pair.soql, pair.push_filter is not None) == ("Phone != ''", True)
    assert [action.direction for action in pair.actions] == [Direction.PULL, Direction.PUSH]
    assert (pair.batch_size, pair.delete_conflict, pair.updated_at) == (10, "update_wins", "changed")
    assert (pair.depends_on, pair.owned_columns) == ((), ("phone", "city", "street"))
    assert pair.by_name["LastName"].conflict.policy is Policy.SALESFORCE, "one says it, and both mean it"


def test_the_one_that_is_left_runs_alone_under_its_own_name() -> None:
    for step, left, way in ((IN, "people_out", Direction.PUSH), (OUT, "people_in", Direction.PULL)):
        off = inside(step, ("    salesforce:", "    enabled: false\n    salesforce:"))
        steps = run(off, (NOTES, ""))
        assert {name: (found.direction, found.ways) for name, found in steps.items()} == {left: (way, None)}
    bare = inside(IN, (IN[IN.index("    fields:") :], ""))
    assert list(run(bare, (NOTES, ""))) == ["people_out"], "one without mappings does not run"


@pytest.mark.parametrize(("step", "left"), [(IN, "people_out"), (OUT, "people_in")])
def test_what_refers_to_the_one_that_is_off_goes_by_the_links_of_the_other(step: str, left: str) -> None:
    off = inside(step, ("    salesforce:", "    enabled: false\n    salesforce:"))
    notes = run(off)["notes"]
    assert (notes.by_name["WhoId"].lookup, notes.depends_on) == (left, (left,))
    both = (OUT, OUT.replace("    salesforce:", "    enabled: false\n    salesforce:"))
    none = (IN, IN.replace("    salesforce:", "    enabled: false\n    salesforce:"))
    assert any("the step people_out is disabled" in told for told in refused(both, none))


MIRROR = "shows one side"
CONTRADICTIONS = [
    (OUT, ("direction: push\n", "direction: push\n    push: { behaviour: mirror }\n"), MIRROR),
    (IN, ("direction: pull\n", "direction: pull\n    pull: { behaviour: mirror }\n"), MIRROR),
    (OUT, ("direction: push\n", "direction: push\n    push: { behaviour: delete }\n"), "takes rows for orders"),
    (OUT, ("Key__c, postgres: key", "Key__c, postgres: other"), "by one list of rules"),
    (OUT, ("crm.people }", "crm.people, key: key }"), "key belongs to the row"),
    (OUT, ("postgres: last_name", "postgres: other"), "is paired with last_name"),
    (OUT, ("postgres: last_name, mandatory: true", "const: Smith"), "is paired with last_name"),
    (OUT, ("postgres: last_name", "default: x, postgres: last_name"), "LastName travels both ways, and has another default"),
    (OUT, ("postgres: last_name", "values: { map: { A: a } }, postgres: last_name"), "has another values"),
    (OUT, ("Title, postgres: title", "Title, postgres: title, group: address"), "the group address moves together"),
    (OUT, ("Title, postgres: title", "MailingCity, postgres: city"), "the group address moves together"),
    (OUT, ("LastName, postgres", "LastName, group: name, postgres"), "the group name moves together"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "change", "what"), CONTRADICTIONS)
def test_what_contradicts_is_told_with_both_lines(step: str, change: tuple[str, str], what: str) -> None:
    told = refused(inside(step, change), (NOTES, ""))
    assert any(what in problem for problem in told), told
    assert all(problem.startswith("isthmus.yaml:") for problem in told)
    other = "people_out" if step == IN else "people_in"
    found = next(problem for problem in told if what in problem)
    assert f"the step {other}" in found
    assert what in (MIRROR, "takes rows for orders") or "(isthmus.yaml:" in found


def test_what_concerns_the_pair_is_said_alike_or_once() -> None:
    ours = inside(IN, ("direction: pull\n", "direction: pull\n    batch_size: 10\n    conflict: newest\n"))
    theirs = inside(
        OUT, ("direction: push\n", "direction: push\n    batch_size: 20\n    conflict: postgres\n")
    )
    told = refused(ours, theirs)
    assert ["batch_size concerns the pair" in told[0], "has another conflict rule" in told[1]] == [True, True]
    assert len(told) == 2
    alike = inside(
        OUT, ("direction: push\n", "direction: push\n    batch_size: 10\n    conflict: { tie: postgres }\n")
    )
    pair = run(ours, alike)["people_in"]
    rule = pair.by_name["LastName"].conflict
    assert (rule.policy, rule.tie, pair.batch_size) == (Policy.NEWEST, Side.POSTGRES, 10)


def test_only_what_is_pulled_alone_can_be_owned() -> None:
    owned = inside(
        IN,
        ("direction: pull\n", "direction: pull\n    pull: { owned: refuse }\n"),
        (IN[IN.index("      - { salesforce: Phone") :], ""),
    )
    [told] = refused(owned)
    assert "refuse protects what is only pulled, and the step people_out (isthmus.yaml:" in told


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (IN, "the step people_in already pulls crm.people from Contact (isthmus.yaml:"),
        (OUT, "the step people_out already pushes crm.people to Contact (isthmus.yaml:"),
        (OUT.replace("direction: push", "direction: two_way"), "the step people_in already relates crm.people to Contact (isthmus.yaml:"),
    ],
)  # fmt: skip
def test_a_way_is_gone_by_one_step(step: str, what: str) -> None:
    more = step.replace("name: people_", "name: more_")
    told = refused((NOTES, more))
    assert what in told[0]
    assert "let there be one step in and one step out" in told[0]


def test_two_spellings_of_one_table_are_told() -> None:
    spelled = inside(OUT, ("crm.people", "people"))
    found = resolve(loads(text(spelled, (NOTES, "")), {}), OBJECTS, {**TABLES, "people": PEOPLE})
    [told] = [str(problem) for problem in found.problems]
    assert "the step people_in goes the other way, and spells the table crm.people (isthmus.yaml:" in told
    assert "spell the table alike in both" in told


def held(objects: dict[str, ObjectDescription], tables: dict[str, TableDescription] = TABLES) -> Holding:
    settings = loads(text((NOTES, "")), {})
    known = resolve_holding(settings, OBJECTS, TABLES, {}).known
    assert set(known) == {"people_in", "people_out"}
    assert isinstance(known["people_in"], KnownStep)
    return resolve_holding(settings, objects, tables, known)


def without(name: str) -> dict[str, ObjectDescription]:
    contact = OBJECTS["Contact"]
    fields = [described for described in contact.fields.values() if described.name != name]
    return {**OBJECTS, "Contact": an_object("Contact", *fields)}


def test_a_mapping_that_is_held_of_one_is_held_of_the_pair() -> None:
    found = held(without("Title"))
    assert found.steps is not None
    [pair] = found.steps.ordered
    assert [(drift.step, drift.field) for drift in found.drifts] == [("people_out", "Title")]
    assert "Title" not in pair.by_name
    assert ([each.name for each in pair.held], pair.still) == (["Title"], "")
    readonly = an_object(
        "Contact",
        *(
            field(name, length=40, updateable=name != "LastName", createable=name != "LastName")
            for name in ("LastName", "Phone", "Title", "MailingCity", "MailingStreet")
        ),
        OBJECTS["Contact"].fields["Key__c"],
    )
    found = held({**OBJECTS, "Contact": readonly})
    assert found.steps is not None
    [pair] = found.steps.ordered
    assert "LastName" not in pair.by_name, "what one side says meanwhile must not be lost"


@pytest.mark.parametrize("missing", ["Key__c", "table"])
def test_a_pair_of_which_one_stands_still_stands_still(missing: str) -> None:
    found = (
        held(OBJECTS, {name: found for name, found in TABLES.items() if name != "crm.people"})
        if missing == "table"
        else held(without(missing))
    )
    assert found.steps is not None
    [pair] = found.steps.ordered
    assert (pair.name, pair.names) == ("people_in", ("people_in", "people_out"))
    assert pair.still
    assert (pair.fields, pair.identify) == ((), ())
    assert {each.name for each in pair.held} >= {"LastName", "Phone", "Title"}


TARGETS = """\
  - name: them_in
    salesforce: { object: Contact }
    postgres: { table: crm.people }
    direction: pull
    identify: [ { external_id: { salesforce: Key__c, postgres: key } } ]
    fields: [ { salesforce: Phone, postgres: phone } ]
  - name: them
    destinations: [ { object: Contact, when: "phone = 'yes'" }, { object: Lead, otherwise: true } ]
    postgres: { table: crm.people }
    direction: push
    identify: [ { external_id: { salesforce: Key__c, postgres: key } } ]
    fields: [ { salesforce: LastName, postgres: last_name }, { salesforce: Company, postgres: other, only: Lead } ]
"""


def test_a_destination_can_be_brought_in_by_a_step_of_its_own() -> None:
    lead = an_object(
        "Lead",
        *OBJECTS["Contact"].fields.values(),
        field("Company", nillable=False, length=80),
        *(field(name, "reference") for name in ("ConvertedContactId", "ConvertedAccountId", "ConvertedOpportunityId")),
        field("IsConverted", "boolean"),
    )  # fmt: skip
    settings = loads(text(steps=TARGETS), {})
    found = resolve(settings, {**OBJECTS, "Lead": lead}, TABLES)
    assert found.steps is not None, [str(problem) for problem in found.problems]
    pair, other = found.steps.ordered
    assert (pair.name, pair.ways, other.name) == ("them_in", ("them_in", "them_contact"), "them_lead")
    assert pair.family == other.family == ("them_in", "them_lead")
    assert pair.routed_by is not None
    assert other.depends_on == ("them_in",)
