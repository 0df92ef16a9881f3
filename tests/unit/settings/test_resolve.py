from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from daemon.domain.mapping import DeleteGuard, IdentifyKind, Kind, OnUnmapped, Retry, Step, Unmapped
from daemon.domain.policy import ConflictRule, OnDelete, Policy
from daemon.domain.side import Direction, Side
from daemon.ports.database import TableDescription
from daemon.ports.salesforce import ObjectDescription
from daemon.settings.resolve import Resolution, resolve, wanted_objects, wanted_tables
from tests.unit.settings.sample import (
    ACCOUNT,
    COMPANIES,
    CONTACT,
    NAME,
    OBJECTS,
    TABLES,
    column,
    field,
    line_of,
    settings,
)

Change = tuple[str, str]
REVENUE = "{ salesforce: AnnualRevenue, postgres: revenue, direction: pull }"


def resolved(
    *changes: Change,
    objects: Mapping[str, ObjectDescription] = OBJECTS,
    tables: Mapping[str, TableDescription] = TABLES,
) -> Resolution:
    return resolve(settings(*changes), objects, tables)


def steps(*changes: Change, **sides: Any) -> dict[str, Step]:
    resolution = resolved(*changes, **sides)
    assert resolution.steps is not None, [str(problem) for problem in resolution.problems]
    return dict(resolution.steps.by_name)


def problems(*changes: Change, **sides: Any) -> list[str]:
    resolution = resolved(*changes, **sides)
    assert resolution.steps is None
    return [str(problem) for problem in resolution.problems]


def warnings(*changes: Change, **sides: Any) -> list[str]:
    return [str(warning) for warning in resolved(*changes, **sides).warnings]


def account(**fields: Any) -> dict[str, ObjectDescription]:
    """Both objects, with some fields of Account changed (or, if None, taken away)."""
    known = {name: described for name, described in ACCOUNT.fields.items() if fields.get(name, 1) is not None}
    changed = {name: replace(known[name], **change) for name, change in fields.items() if change is not None}
    return {**OBJECTS, "Account": replace(ACCOUNT, fields={**known, **changed})}


def companies(*columns: Any, **rest: Any) -> dict[str, TableDescription]:
    """Both tables, with some columns of companies replaced or added."""
    known = {**COMPANIES.columns, **{changed.name: changed for changed in columns}}
    return {**TABLES, "crm.companies": replace(COMPANIES, columns=known, **rest)}


def test_what_fits_becomes_the_rules_of_the_daemon() -> None:
    resolution = resolved()
    assert resolution.steps is not None
    assert (resolution.problems, resolution.warnings) == ((), ())
    accounts, people = resolution.steps.ordered
    assert accounts.table.qualified == "crm.companies"
    assert accounts.table.key == ("id",)
    assert accounts.table.defaulted == {"id", "key"}
    assert accounts.table.generated == {"upper_name"}
    name, revenue, kind = accounts.fields
    assert (name.kind, name.direction, name.length, name.mandatory) == (
        Kind.TEXT,
        Direction.TWO_WAY,
        255,
        True,
    )
    assert (revenue.kind, revenue.direction, revenue.scale) == (Kind.NUMBER, Direction.PULL, 2)
    assert kind.values is not None
    assert kind.values.push == {"lead": "Prospect", "customer": "Direct", "012": "NO"}
    assert kind.values.on_pull == Unmapped(OnUnmapped.REJECT)
    assert accounts.external_id is not None
    assert accounts.external_id.unique
    assert [(f.kind, f.lookup) for f in people.fields] == [
        (Kind.TEXT, None),
        (Kind.REFERENCE, "accounts"),
        (Kind.BOOLEAN, None),
    ]
    assert people.fields[2].conflict.policy is Policy.TRUE_WINS


def test_what_is_left_out_is_inherited_key_by_key() -> None:
    found = steps(
        (
            "retry: { attempts: 8, first: 1s, max: 5m }",
            "retry: { attempts: 3 }\n  delete_guard: { max_count: 7 }\n  on_delete: keep",
        ),
        (
            "    depends_on: [accounts]\n",
            "    depends_on: [accounts]\n    retry: { first: 9s }\n    on_delete: propagate\n    conflict: { tie: postgres }\n",
        ),
    )
    people, accounts = found["people"], found["accounts"]
    assert people.retry == Retry(3, timedelta(seconds=9), timedelta(minutes=5))
    assert people.delete_guard == DeleteGuard(7, 0.05)
    assert (accounts.on_delete, people.on_delete) == (OnDelete.KEEP, OnDelete.PROPAGATE)
    flag = people.fields[2].conflict
    assert (flag.policy, flag.tie, flag.window) == (Policy.TRUE_WINS, Side.POSTGRES, timedelta(seconds=5))
    assert accounts.batch_size == 200


@pytest.mark.requirement("S2-24")
def test_where_nobody_speaks_of_conflicts_the_newer_change_wins() -> None:
    found = steps(("  conflict: { policy: newest, tie: salesforce, window: 5s }\n", ""))
    rules = [each.conflict for each in found["accounts"].fields]
    assert rules == [ConflictRule(Policy.NEWEST, Side.SALESFORCE, timedelta(seconds=2))] * 3


def test_a_disabled_step_is_left_out() -> None:
    configured = settings(("  - name: people\n", "  - name: people\n    enabled: false\n"))
    assert (wanted_objects(configured), wanted_tables(configured)) == (("Account",), ("crm.companies",))
    assert resolve(configured, OBJECTS, TABLES).steps is not None


def mapped(text: str) -> Change:
    """The second field of accounts is replaced."""
    return (REVENUE, text)


# One field of accounts is replaced: what is said of it.
FIELDS = [
    ("{ salesforce: Anual_Revenue, postgres: revenue }", "fields[1].salesforce: Account has no field Anual_Revenue; did you mean AnnualRevenue?"),
    ("{ salesforce: Employees, postgres: stuff }", "fields[1].postgres: crm.companies has no column stuff; did you mean staff?"),
    ("{ salesforce: Signed, postgres: at }", "fields[1].postgres: Account.Signed is datetime, and companies.at is timestamp without time zone; a column of timestamp with time zone fits"),
    ("{ salesforce: Tags, postgres: note }", "fields[1].postgres: Account.Tags is multipicklist, and companies.note is text; a column of text[] fits"),
    ("{ salesforce: BillingAddress, postgres: note, direction: pull }", "fields[1].salesforce: BillingAddress is put together from other fields; map BillingCity, BillingStreet"),
    ("{ salesforce: AnnualRevenue, postgres: parent_id, lookup: { step: accounts } }", "fields[1].lookup: Account.AnnualRevenue is a currency, and a lookup translates references to records"),
    ("{ salesforce: ParentId, postgres: name, direction: push, lookup: { step: accounts } }", "fields[1].postgres: name is text, and crm.companies.id is bigint; a column of bigint fits"),
    ("{ salesforce: ParentId, postgres: parent_id, lookup: { step: people } }", "fields[1].lookup.step: ParentId points to Account, and people syncs Contact; name a step of Account"),
    ("{ salesforce: Score, postgres: revenue, direction: push }", "fields[1]: Account.Score is calculated by Salesforce; write direction: pull"),
    ("{ salesforce: Secret, postgres: status, direction: push }", "fields[1]: the integration user cannot edit Account.Secret; write direction: pull, or Setup > Permission Sets > Account > Secret > Edit"),
    ("{ salesforce: BillingCity, postgres: upper_name, direction: pull }", "fields[1]: crm.companies.upper_name is generated by PostgreSQL; write direction: push"),
    ("{ salesforce: AnnualRevenue, postgres: revenue, conflict: true_wins }", "fields[1].conflict: true_wins is for flags, and AnnualRevenue is a number"),
    ("{ salesforce: AnnualRevenue, postgres: revenue, default: much }", "fields[1].default: is no number, which AnnualRevenue is; write a number"),
    ("{ salesforce: AnnualRevenue, postgres: revenue, default: true }", "fields[1].default: is no number"),
    ("{ salesforce: AnnualRevenue, postgres: revenue, values: { map: { 1: 2 } } }", "fields[1].values: AnnualRevenue is a number, and only texts and picklists are mapped by value"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), FIELDS, ids=lambda value: value[:60])
def test_a_field_that_does_not_fit_is_told_where_it_stands(text: str, said: str) -> None:
    found = problems(mapped(text))
    assert len(found) == 1, found
    assert found[0].startswith(f"{NAME}:{line_of(text, mapped(text))}: steps[accounts].{said}")


def test_a_name_of_a_person_is_pushed_in_its_parts() -> None:
    change = ("salesforce: LastName", "salesforce: Name")
    found = problems(change)
    assert found == [
        (
            f"{NAME}:{line_of('salesforce: Name, postgres: last_name', change)}: steps[people].fields[0].salesforce: "
            "Name is put together from other fields; map LastName, FirstName (or write direction: pull)"
        )
    ]


@pytest.mark.requirement("S4-09")
@pytest.mark.parametrize(
    ("text", "direction", "said"),
    [
        ("{ salesforce: Score, postgres: revenue }", Direction.PULL, "Account.Score is calculated by Salesforce: it is only pulled"),
        ("{ salesforce: Secret, postgres: revenue }", None, ""),
        ("{ salesforce: BillingCity, postgres: upper_name }", Direction.PUSH, "crm.companies.upper_name is generated by PostgreSQL: it is only pushed"),
    ],
)  # fmt: skip
def test_a_two_way_field_is_narrowed_with_a_warning(
    text: str, direction: Direction | None, said: str
) -> None:
    if direction is None:
        assert problems(mapped(text))  # a text into a number
        return
    assert steps(mapped(text))["accounts"].fields[1].direction is direction
    assert any(said in warning for warning in warnings(mapped(text)))


def test_a_column_that_may_not_be_updated_is_only_pushed() -> None:
    sides = companies(column("status", updateable=False))
    found = steps(tables=sides)["accounts"].fields[2]
    assert found.direction is Direction.PUSH
    assert "GRANT UPDATE (status) ON crm.companies" in warnings(tables=sides)[0]
    assert "SELECT" in problems(tables=companies(column("status", selectable=False)))[0]


@pytest.mark.parametrize(
    ("column_type", "scale", "caution"),
    [
        ("numeric(18,2)", 2, ""),
        ("numeric", 2, ""),
        ("numeric(18,4)", 2, "Salesforce keeps 2 decimals and the other side 4: numbers are rounded to 2"),
        ("numeric(18)", 0, "the column keeps 0 decimals and the other side 2: numbers are rounded to 0"),
        ("bigint", 0, "the column keeps 0 decimals"),
        ("double precision", 2, "double precision keeps 15 digits"),
    ],
)
def test_numbers_keep_the_decimals_that_both_sides_keep(column_type: str, scale: int, caution: str) -> None:
    sides = companies(column("revenue", column_type))
    assert steps(tables=sides)["accounts"].fields[1].scale == scale
    found = warnings(tables=sides)
    assert bool(found) is bool(caution)
    assert all(caution in warning for warning in found)


@pytest.mark.parametrize(
    "column_type", ["real", "money", "text", "timestamp with time zone", "numeric[]", "boolean"]
)
def test_what_does_not_hold_a_number_exactly_is_refused(column_type: str) -> None:
    found = problems(tables=companies(column("revenue", column_type)))
    said = f"Account.AnnualRevenue is currency, and companies.revenue is {column_type}; a column of numeric(18,2), "
    assert said in found[0]


def test_shorter_texts_and_types_of_the_application_are_warned_of() -> None:
    assert (
        "holds 10 characters and Salesforce 40"
        in warnings(tables=companies(column("status", "character varying(10)")))[0]
    )
    found = steps(tables=companies(column("status", "crm.status")))["accounts"].fields[2]
    assert found.kind is Kind.TEXT
    assert "type of the application's own" in warnings(tables=companies(column("status", "crm.status")))[0]


def test_sets_json_and_references_without_a_lookup() -> None:
    assert steps(mapped("{ salesforce: Tags, postgres: tags }"))["accounts"].fields[1].kind is Kind.SET
    sides = companies(
        column("doc", "jsonb"), column("ref", "character varying(18)"), column("short", "character(15)")
    )
    found = steps(mapped("{ salesforce: BillingStreet, postgres: doc }"), tables=sides)
    assert found["accounts"].fields[1].kind is Kind.JSON
    reference = steps(mapped("{ salesforce: ParentId, postgres: ref }"), tables=sides)["accounts"].fields[1]
    assert (reference.kind, reference.lookup) == (Kind.REFERENCE, None)
    assert (
        "short is character(15)"
        in problems(mapped("{ salesforce: ParentId, postgres: short }"), tables=sides)[0]
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{ salesforce: AnnualRevenue, const: 05.500 }", "5.5"),
        ("{ salesforce: Tags, const: [B, A] }", ("A", "B")),
        ("{ salesforce: Signed, const: 2026-01-01T01:00:00+01:00 }", "2026-01-01T00:00:00Z"),
        ("{ salesforce: BillingCity, const: true }", "true"),
    ],
)
def test_constants_are_canonical(text: str, value: object) -> None:
    found = steps(mapped(text))["accounts"].fields[1]
    assert (found.constant, found.is_constant, found.direction) == (value, True, Direction.PUSH)


def test_a_constant_is_a_value_of_its_picklist() -> None:
    objects = account(Tags={"restricted_picklist": True})
    found = problems(mapped("{ salesforce: Tags, const: [A, C] }"), objects=objects)
    assert "the picklist Tags has no value C; known are: A, B" in found[0]


def test_what_a_map_leaves_out_is_told_with_its_consequence() -> None:
    objects = account(Type={"picklist": ("Prospect", "Direct", "Channel", "NO", "Partner")})
    said = "the picklist has Partner, which the map does not mention"
    for default, consequence in (
        ("", "such a record is parked"),
        ("unknown", "pull gives unknown"),
        ("keep", "keeps"),
        ("null", "null"),
    ):
        change = (
            "push_choice:",
            f"default: {{ pull: {default} }}\n          push_choice:" if default else "push_choice:",
        )
        found = warnings(change, objects=objects)
        assert len(found) == 1
        assert said in found[0]
        assert consequence in found[0]
        assert found[0].startswith(f"{NAME}:{line_of('map:', change)}: steps[accounts].fields[2].values.map")


def test_what_a_map_sends_that_the_picklist_has_not() -> None:
    objects = account(
        Type={"picklist": ("Prospects", "Direct", "Channel", "NO"), "restricted_picklist": True}
    )
    found = warnings(objects=objects)
    assert any(
        "has no value Prospect (Salesforce refuses it); did you mean Prospects?" in line for line in found
    )


@pytest.mark.requirement("S4-21")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unique": False}, "Company_Key__c is not unique: Salesforce does not prevent two records with one value"),
    ],
)  # fmt: skip
def test_an_external_id_that_does_not_protect_is_warned_of(change: dict[str, bool], said: str) -> None:
    found = warnings(objects=account(Company_Key__c=change))
    assert said in found[0]
    assert "creates cannot be repeated safely" in found[1]
    rule = steps(objects=account(Company_Key__c=change))["accounts"].identify[0]
    assert not rule.unique


def test_the_ways_to_identify_are_held_against_both_sides() -> None:
    way = "- external_id: { salesforce: Company_Key__c, postgres: key }"
    objects = account(BillingStreet={"filterable": False})
    for text, said in (
        (
            "- external_id: { salesforce: Company_Key, postgres: key }",
            "Account has no field Company_Key; did you mean Company_Key__c?",
        ),
        (
            "- salesforce_id: staff\n      - external_id: { salesforce: Company_Key__c, postgres: key }",
            "staff is integer, which holds no record id of 18 characters; a column of text",
        ),
        (
            "- salesforce_id: sf_id\n      - external_id: { salesforce: Company_Key__c, postgres: key }",
            "crm.companies has no column sf_id",
        ),
        (
            "- field: { salesforce: BillingStreet, postgres: name }",
            "Salesforce cannot search by BillingStreet (a textarea)",
        ),
        (
            "- field: { salesforce: Name, postgres: nme }",
            "crm.companies has no column nme; did you mean name?",
        ),
    ):
        found = problems((way, text), objects=objects)
        assert len(found) == 1, found
        assert said in found[0]
        assert found[0].startswith(
            f"{NAME}:{line_of(text.splitlines()[0], (way, text))}: steps[accounts].identify[0]"
        )
    both = steps(
        (
            way,
            "- salesforce_id: status\n      - field: { salesforce: Name, postgres: name, normalise: [trim] }",
        )
    )
    assert [(rule.kind, rule.salesforce) for rule in both["accounts"].identify] == [
        (IdentifyKind.SALESFORCE_ID, "Id"),
        (IdentifyKind.FIELD, "Name"),
    ]


@pytest.mark.requirement("S4-57")
def test_objects_and_tables_that_do_not_exist() -> None:
    found = problems(("object: Account", "object: Acount"), ("crm.companies", "crm.company"))
    assert (
        f"{NAME}:{line_of('{ object: Account }')}: steps[accounts].salesforce.object: there is no object Acount"
        in found[0]
    )
    assert "did you mean Account?" in found[0]
    assert (
        "there is no table crm.company, or the daemon's role may not see its schema; did you mean crm.companies?"
        in found[1]
    )
    assert "grant Read on Account in the permission set" in problems(objects={"Contact": CONTACT})[0]


@pytest.mark.requirement("S4-10")
@pytest.mark.parametrize(
    ("rights", "said"),
    [
        ({"queryable": False}, "the integration user may not read Account"),
        ({"createable": False}, "the integration user may not create Account"),
        ({"updateable": False}, "the integration user may not update Account"),
    ],
)
def test_rights_on_the_object(rights: dict[str, bool], said: str) -> None:
    found = problems(objects={**OBJECTS, "Account": replace(ACCOUNT, **rights)})  # type: ignore[arg-type]
    assert said in found[0]


@pytest.mark.requirement("S4-10")
def test_deletes_without_the_right_are_warned_of() -> None:
    objects = {**OBJECTS, "Account": replace(ACCOUNT, deletable=False)}
    assert "may not delete Account: deletes are parked" in warnings(objects=objects)[0]
    kept = ("    push: { behaviour", "    on_delete: keep\n    push: { behaviour")
    assert warnings(kept, objects=objects) == []
    assert "deletes are parked" in warnings(tables=companies(deletable=False))[0]
    assert "may not insert into crm.companies" in problems(tables=companies(insertable=False))[0]


def test_what_a_create_cannot_do_without() -> None:
    described = {**ACCOUNT.fields, "Region__c": field("Region__c", nillable=False)}
    objects = {**OBJECTS, "Account": replace(ACCOUNT, fields=described)}
    assert "Salesforce requires Account.Region__c, and nothing fills it" in problems(objects=objects)[0]
    only = ("push: { behaviour: update_or_create }", "push: { behaviour: update_only }")
    assert resolved(only, objects=objects).steps is not None
    assert resolved(mapped("{ salesforce: Region__c, const: North }"), objects=objects).steps is not None
    found = problems(tables=companies(column("region", nullable=False)))
    assert "crm.companies.region is NOT NULL, and nothing fills it" in found[0]


def test_what_may_be_empty_where_it_must_not() -> None:
    found = warnings(("last_name, mandatory: true", "last_name"))
    assert "Salesforce requires Contact.LastName, and last_name may be null: such a row is parked" in found[0]
    found = warnings(tables=companies(column("revenue", "numeric(18,2)", nullable=False)))
    assert (
        "crm.companies.revenue is NOT NULL, and AnnualRevenue may be empty: such a record is parked"
        in found[0]
    )
    assert (
        warnings(
            (REVENUE, REVENUE.replace("pull", "pull, default: 0")),
            tables=companies(column("revenue", "numeric(18,2)", nullable=False)),
        )
        == []
    )


@pytest.mark.parametrize(
    ("change", "table", "said"),
    [
        (("table: crm.companies, key: id", "table: crm.companies"), {"key": ()}, "crm.companies has no primary key; add one, or name unique columns that are never null"),
        (("key: id", "key: status"), {}, "status is not unique in crm.companies; ALTER TABLE crm.companies ADD UNIQUE (status)"),
        (("key: id", "key: status"), {"unique": frozenset({("status",)})}, "status may be null, so it names no row; ALTER TABLE crm.companies ALTER COLUMN status SET NOT NULL"),
        (("key: id", "key: ident"), {}, "crm.companies has no column ident"),
        (("key: id", "key: id, updated_at: at"), {}, "at is timestamp without time zone, which names no instant"),
        (("key: id", "key: id, updated_at: when"), {}, "crm.companies has no column when"),
        (("key: id", "key: id"), {"kind": "view"}, "crm.companies is a view, and changes behind a view cannot be seen"),
        (("key: id", "key: id"), {"kind": "other"}, "crm.companies is neither a table nor a view"),
    ],
)  # fmt: skip
def test_a_table_whose_rows_cannot_be_named(change: Change, table: dict[str, Any], said: str) -> None:
    found = problems(change, tables=companies(**table))
    assert said in found[0]
    assert found[0].startswith(f"{NAME}:{line_of('table: crm.companies', change)}: steps[accounts].postgres.")


def test_a_key_of_several_columns_and_a_view_that_is_pulled_into() -> None:
    sides = companies(column("status", nullable=False), unique=frozenset({("key", "status")}))
    lookup = ("      - { salesforce: AccountId, postgres: company_id, lookup: { step: accounts } }\n", "")
    several = steps(("key: id", "key: [status, key]"), lookup, tables=sides)
    assert several["accounts"].table.key == ("status", "key")
    pulls = ("    direction: two_way\n    push", "    direction: pull\n    push")
    assert steps(pulls, tables=companies(kind="view", key=()))["accounts"].table.key == ("id",)
    unnamed = ("table: crm.companies, key: id", "table: crm.companies")
    assert (
        "is a view, and no key is named" in problems(pulls, unnamed, tables=companies(kind="view", key=()))[0]
    )


def test_a_lookup_needs_a_key_of_one_column() -> None:
    sides = companies(column("status", nullable=False), unique=frozenset({("key", "status")}))
    found = problems(("key: id", "key: [status, key]"), tables=sides)
    assert "crm.companies has a key of 2 columns, and a lookup needs one" in found[-1]


def test_parents_come_first_and_a_cycle_of_lookups_is_in_order_of_names() -> None:
    swapped = settings(("depends_on: [accounts]", "depends_on: []"))
    turned = swapped.model_copy(update={"steps": swapped.steps[::-1]})
    found = resolve(turned, OBJECTS, TABLES).steps
    assert found is not None
    assert [step.name for step in found.ordered] == ["accounts", "people"]
    described = {**ACCOUNT.fields, "Main__c": field("Main__c", "reference", reference_to=("Contact",))}
    objects = {**OBJECTS, "Account": replace(ACCOUNT, fields=described)}
    cycle = (REVENUE, "{ salesforce: Main__c, postgres: parent_id, lookup: { step: people } }")
    assert list(steps(cycle, ("depends_on: [accounts]", "depends_on: []"), objects=objects)) == [
        "accounts",
        "people",
    ]
    waits = ("    direction: two_way\n    push", "    depends_on: [people]\n    direction: two_way\n    push")
    both = steps(cycle, waits, ("depends_on: [accounts]", "depends_on: []"), objects=objects)
    assert list(both) == ["people", "accounts"]


def test_one_table_under_two_names_is_one_table() -> None:
    same = (
        "{ object: Contact }\n    postgres: { table: crm.people }",
        "{ object: Account }\n    postgres: { table: companies }",
    )
    found = problems(same, tables={**TABLES, "companies": COMPANIES})
    said = "steps[people].postgres.table: the step accounts already relates crm.companies to Account"
    assert any(said in line for line in found)


def test_a_group_of_which_one_field_is_narrowed() -> None:
    changes = (
        ("Name, postgres: name", "Name, group: g, postgres: name"),
        mapped("{ salesforce: Score, postgres: revenue, group: g }"),
    )
    said = "the group g moves together, but Name can only go two_way and Score pull; take one of them out of the group"
    assert problems(*changes) == [f"{NAME}:{line_of('fields:', *changes)}: steps[accounts].fields: {said}"]


def test_every_problem_is_told_at_once() -> None:
    found = problems(
        mapped("{ salesforce: Nope, postgres: nope }"), ("postgres: last_name", "postgres: lastname")
    )
    assert len(found) == 3
