"""What a daemon holds against what is known of it before it leads: the org of its links, the mark of an instance, and the kind of org."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from adapters.postgres.kept import KeptFacts
from daemon.compose.leading import lead
from daemon.compose.sides import OpenSides
from daemon.compose.start import ORG_SETTING
from daemon.domain.failure import RefusedError
from daemon.operations.marker import OBJECT, Instance, Mark, claimed
from daemon.runtime.health import Health
from daemon.runtime.notify import Notifier
from daemon.settings.load import loads
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.profiles import PEOPLE, SIDES
from tests.integration.flow.test_one_instance import with_the_object
from tests.support.road import Road
from tests.support.road_steps import COMPANIES

if TYPE_CHECKING:
    from daemon.compose.assembly import Daemon

ANOTHER = "00D000000000002AAA"
SANDBOX = SIDES.replace("acme.my", "acme--uat.sandbox.my").replace("production", "sandbox")


async def leads(road: Road, configuration: str = SIDES) -> None:
    """A start by a configuration, from the lease on."""
    parts = road.parts
    daemon = SimpleNamespace(
        settings=loads(f"{configuration}steps:\n{PEOPLE}", {}),
        sides=OpenSides(road.salesforce, road.database, road.pool, parts.clock, road.meter),
        clock=parts.clock,
        meter=road.meter,
        health=Health(parts.clock, road.meter),
        lease=road.lease,
        parts=parts,
        inspection=road.inspection,
        since=datetime(2026, 1, 1, tzinfo=UTC),
    )
    await lead(cast("Daemon", daemon), Notifier(), standby=False)


@pytest.mark.requirement("S2-10")
async def test_it_does_not_lead_at_another_org_than_that_of_its_links(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    kept = KeptFacts(road.pool)
    for _ in range(2):
        await leads(road)
        assert await kept.get(ORG_SETTING) == road.org.org_id
    await kept.put(ORG_SETTING, ANOTHER)
    with pytest.raises(RefusedError, match=f"in step with org {ANOTHER}, and this is org {road.org.org_id}"):
        await leads(road)
    assert await kept.get(ORG_SETTING) == ANOTHER


@pytest.mark.requirement("S2-11")
async def test_it_does_not_lead_at_an_org_that_another_instance_keeps_in_step(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    with_the_object(road)
    org = road.salesforce
    assert await claimed(org.catalogue, org.records, Instance("other", "theirs (c:3)")) is Mark.OURS
    with pytest.raises(RefusedError, match=r"another instance of isthmus: theirs \(c:3\)"):
        await leads(road)
    [mark] = road.org.rows(OBJECT)
    road.org.delete(OBJECT, str(mark["Id"]))
    for _ in range(2):
        await leads(road)
    [mark] = road.org.rows(OBJECT)
    assert str(mark["Holder__c"]).startswith("acme (")


@pytest.mark.requirement("S4-12", "S4-13")
async def test_it_leads_at_a_sandbox_that_is_configured_as_one_and_at_nothing_else(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    kept = KeptFacts(road.pool)
    with pytest.raises(RefusedError, match=r"is no sandbox, and salesforce\.environment says that it is one"):
        await leads(road, SANDBOX)
    organization = road.org.records.table(road.org.records.sobject("Organization"))
    organization.put({**organization.live[road.org.org_id], "IsSandbox": True})
    with pytest.raises(RefusedError, match=r"is a sandbox, and salesforce\.environment says production"):
        await leads(road)
    assert await kept.get(ORG_SETTING) is None
    await leads(road, SANDBOX)
    assert await kept.get(ORG_SETTING) == road.org.org_id
