"""What is kept in step: companies and the people who belong to them, under rules that a seed draws."""

import random
from datetime import timedelta

from adapters.memory.tables import MemoryTable
from daemon.domain.mapping import (
    DeleteGuard,
    Field,
    Identify,
    IdentifyKind,
    Kind,
    Retry,
    Step,
    Steps,
    Table,
)
from daemon.domain.policy import ConflictRule, DeleteConflict, Policy
from daemon.domain.side import Direction, Side

_TEXT = "text"
COMPANY = {"id": "bigint", "ext_id": _TEXT, "name": _TEXT, "phone": _TEXT, "flag": "boolean"}
PERSON = {"id": "bigint", "ext_id": _TEXT, "name": _TEXT, "phone": _TEXT, "company": "bigint"}
_POLICIES = (Policy.NEWEST, Policy.NEWEST, Policy.NEWEST, Policy.SALESFORCE, Policy.POSTGRES, Policy.MANUAL)
_RETRY = Retry(attempts=8, first=timedelta(milliseconds=200), maximum=timedelta(seconds=4))


def drawn(rng: random.Random) -> Steps:
    """The steps of one history: companies always, people in some."""
    rule = ConflictRule(rng.choice(_POLICIES), rng.choice(tuple(Side)), timedelta(seconds=2))
    deletes = rng.choice((DeleteConflict.PARK, DeleteConflict.DELETE_WINS))
    companies = _step("companies", "Account", "company", COMPANY, deletes, _company_fields(rule))
    if rng.random() < 0.7:
        return Steps((companies,))
    people = _step("people", "Contact", "person", PERSON, deletes, _person_fields(rule), ("companies",))
    return Steps((companies, people))


def tables(steps: Steps) -> list[MemoryTable]:
    """The user's tables."""
    return [MemoryTable(step.table, step.table.types, unique=frozenset({"ext_id"})) for step in steps.ordered]


def _step(
    name: str,
    sobject: str,
    table: str,
    types: dict[str, str],
    deletes: DeleteConflict,
    fields: tuple[Field, ...],
    parents: tuple[str, ...] = (),
) -> Step:
    return Step(
        name=name,
        object=sobject,
        table=Table("app", table, ("id",), types, defaulted=frozenset({"id"})),
        direction=Direction.TWO_WAY,
        fields=fields,
        identify=(Identify(IdentifyKind.EXTERNAL_ID, "Ext_Id__c", "ext_id", unique=True),),
        delete_conflict=deletes,
        delete_guard=DeleteGuard(max_count=1000),
        retry=_RETRY,
        depends_on=parents,
    )


def _company_fields(rule: ConflictRule) -> tuple[Field, ...]:
    return (
        Field("Name", "name", Kind.TEXT, Direction.TWO_WAY),
        Field("Phone", "phone", Kind.TEXT, Direction.TWO_WAY, rule),
        Field("Flag__c", "flag", Kind.BOOLEAN, Direction.TWO_WAY),
    )


def _person_fields(rule: ConflictRule) -> tuple[Field, ...]:
    return (
        Field("LastName", "name", Kind.TEXT, Direction.TWO_WAY),
        Field("Phone", "phone", Kind.TEXT, Direction.TWO_WAY, rule),
        Field("AccountId", "company", Kind.REFERENCE, Direction.TWO_WAY, lookup="companies"),
    )
