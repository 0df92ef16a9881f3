"""One org to one instance, on both real sides: two databases, one org with the object for the mark."""

import pytest

from adapters.emulator.seeding import plant
from adapters.postgres.kept import KeptFacts
from daemon.compose.start import this_instance
from daemon.domain.failure import RefusedError
from daemon.operations.marker import OBJECT, Instance, Mark, claimed, looked_up
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road
from tests.support.road_steps import COMPANIES


def with_the_object(road: Road) -> None:
    """The org has the object in which an instance leaves its mark."""
    key = {"type": "text", "length": 40, "external_id": True, "unique": True}
    text = {"type": "text", "length": 120}
    fields = {"Key__c": key, "Instance__c": text, "Holder__c": text}
    plant(road.org, {"objects": {OBJECT: {"fields": fields}}})


@pytest.mark.requirement("S2-11")
async def test_a_second_instance_on_one_org_is_refused(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    org, kept = road.salesforce, KeptFacts(road.pool)
    ours = await this_instance(kept, "first (a:1)")
    assert (await this_instance(kept, "again (b:2)")).id == ours.id
    assert await claimed(org.catalogue, org.records, ours) is Mark.UNKNOWN
    with_the_object(road)
    assert await looked_up(org.catalogue, org.records, ours) is Mark.FREE
    assert await claimed(org.catalogue, org.records, ours) is Mark.OURS
    with pytest.raises(RefusedError, match=r"another instance of isthmus: first \(a:1\)"):
        await claimed(org.catalogue, org.records, Instance("other", "second (c:3)"))
    [mark] = road.org.rows(OBJECT)
    assert mark["Instance__c"] == ours.id
    road.org.delete(OBJECT, str(mark["Id"]))
    assert await claimed(org.catalogue, org.records, Instance("other", "second (c:3)")) is Mark.OURS
