"""A road whose steps come from a configuration, and the watch that keeps them fit for both sides."""

from dataclasses import dataclass, replace

from adapters.postgres.kept import KeptFacts
from daemon.domain.drift import Drift
from daemon.domain.mapping import Steps
from daemon.flow.drift.memory import NAME, read
from daemon.flow.drift.watch import SchemaWatch
from daemon.flow.in_force import InForce
from daemon.flow.load import Loader
from daemon.flow.worker import Worker
from daemon.settings.load import loads
from daemon.settings.resolution.holding import Holding, resolve_holding
from daemon.settings.resolve import wanted_objects, wanted_tables
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road

TEXT = """\
version: 1
name: drifting
salesforce:
  domain: acme.my.salesforce.com
  environment: production
  api_version: "67.0"
  auth: { flow: jwt, client_id: x, username: i@acme.example, private_key: { env: KEY } }
database: { dsn: "postgresql://isthmus@db:5432/app?sslmode=verify-full" }
steps:
  - name: companies
    salesforce: { object: Account }
    postgres: { table: app.company, updated_at: updated_at }
    direction: two_way
    identify:
      - external_id: { salesforce: Ext_Id__c, postgres: ext_id }
    fields:
      - { salesforce: Name, postgres: name, mandatory: true }
      - { salesforce: Rating, postgres: rating, sensitive: true }
      - { salesforce: Phone, postgres: phone }
      - { salesforce: NumberOfEmployees, postgres: employees }
      - { salesforce: BillingStreet, postgres: street, group: address }
      - { salesforce: BillingCity, postgres: city, group: address }
"""


@dataclass
class Drifting:
    """A road, its watch, and what the watch told of the health of the schema."""

    road: Road
    watch: SchemaWatch
    told: list[tuple[bool, str]]

    async def look(self) -> tuple[Drift, ...]:
        return await self.watch.look()

    async def company(self, **values: str) -> tuple[str, str]:
        """A linked pair: the row's key and the record's id."""
        given = {"Name": "Acme", "Phone": "1", "Rating": "Hot", "BillingCity": "Lisbon", **values}
        sf_id = self.road.org.create("Account", given)
        await self.road.settle()
        key = next(link.key for link in await self.road.links() if link.sf_id == sf_id)
        return key, sf_id

    async def reborn(self) -> Holding:
        """A new process: the configuration is held against both sides as at a start."""
        settings = loads(TEXT, {"KEY": "k"})
        catalogue = self.road.salesforce.catalogue
        objects = await catalogue.describe_all(wanted_objects(settings), whole=True)
        tables = await self.road.database.tables(wanted_tables(settings))
        known = read(await KeptFacts(self.road.pool).get(NAME)).known
        found = resolve_holding(settings, objects, tables, known)
        assert found.steps is not None, [str(problem) for problem in found.problems]
        _begin(self, InForce(found.steps, found.drifts))
        return found


async def drifting(make_road: MakeRoad, *, loaded: bool = True) -> Drifting:
    """A road whose configuration fits both sides, and has been looked at once. `loaded`: its first load is behind it."""
    scene = Drifting(await make_road(), None, [])  # type: ignore[arg-type]
    found = await scene.reborn()
    assert found.steps is not None
    await scene.road.database.capture_install(found.steps.ordered)
    if loaded:
        await scene.road.parts.store.set_first_load("companies", "done", 0, 0)
    assert await scene.look() == ()
    return scene


def _begin(scene: Drifting, in_force: InForce) -> None:
    road = scene.road
    settings = loads(TEXT, {"KEY": "k"})
    road.parts = replace(road.parts, in_force=in_force)
    road.loader = Loader(road.parts, bulk_from=10**9)
    road.worker = Worker(road.parts, road.loader.reload)
    scene.watch = SchemaWatch(
        road.parts,
        road.salesforce.catalogue,
        road.database,
        KeptFacts(road.pool),
        lambda seen, known: resolve_holding(settings, seen.objects, seen.tables, known),
        (wanted_objects(settings), wanted_tables(settings)),
        lambda up, reason: scene.told.append((up, reason)),
    )


def in_force(scene: Drifting) -> Steps:
    """The steps as they are now."""
    return scene.road.parts.steps
