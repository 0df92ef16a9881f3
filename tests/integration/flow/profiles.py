"""A road for the built-in profile, and for files of one's own that hold steps of its kinds: resolved against both sides like at a start."""

from daemon.domain.mapping import Steps
from daemon.operations.check import described_objects, described_tables
from daemon.settings.load import loads
from daemon.settings.models import Settings
from daemon.settings.profile import tables_sql
from daemon.settings.resolve import resolve, wanted_objects, wanted_tables
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road

SIDES = """\
version: 1
name: acme
salesforce:
  domain: acme.my.salesforce.com
  environment: production
  api_version: 62.0
  auth: { flow: client_credentials, client_id: app, client_secret: { env: SECRET } }
database: { dsn: "postgresql://isthmus@db:5432/app?sslmode=verify-full" }
"""
DEFAULT = loads(f"{SIDES}profile: default\n", {})

PEOPLE = """\
  - name: contacts
    salesforce: { object: Contact }
    postgres: { table: public.people }
    direction: two_way
    push: { behaviour: update_only }
    identify: [ { field: { salesforce: Email, postgres: email } } ]
    fields:
      - { salesforce: LastName, postgres: last_name }
      - { salesforce: Email, postgres: email }
  - name: leads
    salesforce: { object: Lead }
    postgres: { table: public.people }
    direction: two_way
    depends_on: [contacts]
    identify: [ { field: { salesforce: Email, postgres: email } } ]
    fields:
      - { salesforce: LastName, postgres: last_name }
      - { salesforce: Email, postgres: email }
      - { salesforce: Company, postgres: account, default: none }
"""


def custom(*steps: str) -> Settings:
    """A file with people as contacts and leads, and these steps beside them."""
    return loads(SIDES + "steps:\n" + PEOPLE + "".join(steps), {})


async def settled_road(make_road: MakeRoad, settings: Settings) -> Road:
    """A road over the profile's tables on which the steps of these settings run."""
    road = await make_road()
    await road.app.execute(tables_sql())
    steps = await in_force(road, settings)
    await road.database.capture_install(steps.ordered)
    road.reconfigured(*steps.ordered)
    await road.load()
    await road.settle()
    return road


async def in_force(road: Road, settings: Settings) -> Steps:
    """The steps as the daemon works by them on this road."""
    objects = await described_objects(road.salesforce.catalogue, wanted_objects(settings))
    tables = await described_tables(road.database, wanted_tables(settings))
    found = resolve(settings, objects, tables)
    assert found.steps is not None, found.problems
    return found.steps


async def insert(road: Road, table: str, **values: object) -> int:
    """The application inserts a row; its key."""
    columns, marks = ", ".join(values), ", ".join(f"${n}" for n in range(1, len(values) + 1))
    key: int = await road.app.fetchval(
        f"INSERT INTO public.{table} ({columns}) VALUES ({marks}) RETURNING id", *values.values()
    )
    return key


async def a_person(road: Road, kind: str) -> tuple[int, str]:
    """A person who is paired with a Contact or a Lead: the row's key and the record's id."""
    if kind == "Contact":
        sf_id = road.org.create("Contact", {"LastName": "Lovelace", "Email": "ada@acme.com"})
    else:
        sf_id = road.org.create("Lead", {"LastName": "Hopper", "Company": "Navy", "Email": "grace@navy.mil"})
    await road.settle()
    [link] = [link for link in await road.links() if link.sf_id == sf_id]
    assert link.object == kind
    return int(link.key), sf_id
