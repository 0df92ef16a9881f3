"""A small configuration that is right, and descriptions of both sides that fit it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from daemon.ports.database import Column, TableDescription
from daemon.ports.salesforce import FieldDescription, ObjectDescription
from daemon.settings.errors import SettingsError
from daemon.settings.load import loads
from daemon.settings.models import Settings

TEXT = """\
version: 1
name: acme-prod
salesforce:
  domain: acme.my.salesforce.com
  environment: production
  api_version: 62.0
  auth:
    flow: jwt
    client_id: 3MVG9abc
    username: integration@acme.com
    private_key: { credential: sf_private_key }
database:
  dsn: postgresql://isthmus@db:5432/app?sslmode=verify-full
  password: { env: PGPASS }
defaults:
  conflict: { policy: newest, tie: salesforce, window: 5s }
  retry: { attempts: 8, first: 1s, max: 5m }
steps:
  - name: accounts
    salesforce: { object: Account }
    postgres: { table: crm.companies, key: id }
    direction: two_way
    push: { behaviour: update_or_create }
    identify:
      - external_id: { salesforce: Company_Key__c, postgres: key }
    fields:
      - { salesforce: Name, postgres: name, mandatory: true }
      - { salesforce: AnnualRevenue, postgres: revenue, direction: pull }
      - salesforce: Type
        postgres: status
        values:
          map: { Prospect: lead, Direct: customer, Channel: customer, NO: 012 }
          push_choice: { customer: Direct }
  - name: people
    salesforce: { object: Contact }
    postgres: { table: crm.people }
    direction: two_way
    identify:
      - external_id: { salesforce: Person_Key__c, postgres: key }
    depends_on: [accounts]
    fields:
      - { salesforce: LastName, postgres: last_name, mandatory: true }
      - { salesforce: AccountId, postgres: company_id, lookup: { step: accounts } }
      - { salesforce: HasOptedOutOfEmail, postgres: opt_out, conflict: true_wins }
"""
NAME = "isthmus.yaml"


def settings(*changes: tuple[str, str]) -> Settings:
    """The configuration with pieces of its text replaced."""
    return loads(changed(*changes), {}, NAME)


def changed(*changes: tuple[str, str]) -> str:
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def refused(*changes: tuple[str, str]) -> list[str]:
    """The problems that a changed configuration has, as lines."""
    with pytest.raises(SettingsError) as caught:
        settings(*changes)
    assert caught.value.exit_status == 78
    return [str(problem) for problem in caught.value.problems]


def line_of(piece: str, *changes: tuple[str, str]) -> int:
    """The line on which a piece of the changed text stands."""
    for number, line in enumerate(changed(*changes).splitlines(), 1):
        if piece in line:
            return number
    raise AssertionError(piece)


def field(name: str, kind: str = "string", **rest: object) -> FieldDescription:
    described = FieldDescription(name, kind, name)
    return replace(described, **rest)  # type: ignore[arg-type]


def an_object(name: str, *fields: FieldDescription, **rest: bool) -> ObjectDescription:
    described = ObjectDescription(name, name, "001", True, True, True, True, {f.name: f for f in fields})
    return replace(described, **rest)  # type: ignore[arg-type]


def a_table(name: str, *columns: Column, key: tuple[str, ...] = ("id",), **rest: object) -> TableDescription:
    described = TableDescription("crm", name, "table", {column.name: column for column in columns}, key)
    return replace(described, **rest)  # type: ignore[arg-type]


def column(name: str, kind: str = "text", **rest: bool) -> Column:
    described = Column(name, kind, nullable=True, default=False, generated=False)
    return replace(described, **rest)  # type: ignore[arg-type]


ACCOUNT = an_object(
    "Account",
    field("Id", "id", createable=False, updateable=False, nillable=False),
    field("Name", length=255, nillable=False),
    field("AnnualRevenue", "currency", precision=18, scale=2),
    field("Type", "picklist", length=40, picklist=("Prospect", "Direct", "Channel", "NO")),
    field("Company_Key__c", length=40, external_id=True, unique=True, id_lookup=True),
    field("BillingAddress", "address", createable=False, updateable=False),
    field("BillingCity", compound="BillingAddress"),
    field("BillingStreet", "textarea", compound="BillingAddress"),
    field("ParentId", "reference", reference_to=("Account",)),
    field("Employees", "int", digits=8),
    field("Tags", "multipicklist", picklist=("A", "B")),
    field("Signed", "datetime"),
    field("Score", "double", precision=18, scale=0, calculated=True, createable=False, updateable=False),
    field("Secret", createable=False, updateable=False),
)
CONTACT = an_object(
    "Contact",
    field("Name", createable=False, updateable=False),
    field("LastName", length=80, nillable=False, compound="Name"),
    field("FirstName", length=40, compound="Name"),
    field("AccountId", "reference", reference_to=("Account",)),
    field("HasOptedOutOfEmail", "boolean", nillable=False, defaulted_on_create=True),
    field("Person_Key__c", length=40, external_id=True, unique=True, id_lookup=True),
)
COMPANIES = a_table(
    "companies",
    column("id", "bigint", nullable=False, default=True),
    column("key", "uuid", nullable=False, default=True),
    column("name", "text", nullable=False),
    column("revenue", "numeric(18,2)"),
    column("status"),
    column("note"),
    column("parent_id", "bigint"),
    column("tags", "text[]"),
    column("staff", "integer"),
    column("at", "timestamp without time zone"),
    column("changed", "timestamp with time zone"),
    column("upper_name", generated=True),
)
PEOPLE = a_table(
    "people",
    column("id", "bigint", nullable=False, default=True),
    column("key", "uuid", nullable=False, default=True),
    column("last_name", "character varying(80)"),
    column("company_id", "bigint"),
    column("opt_out", "boolean", nullable=False, default=True),
)
OBJECTS: Mapping[str, ObjectDescription] = {"Account": ACCOUNT, "Contact": CONTACT}
TABLES: Mapping[str, TableDescription] = {"crm.companies": COMPANIES, "crm.people": PEOPLE}
