"""What goes wrong around a step: twins, truncation, missed captures, a table that has changed under it."""

from dataclasses import replace

import pytest

from adapters.postgres.kept import KeptFacts
from daemon.compose.start import same_org
from daemon.domain.failure import RefusedError
from daemon.domain.mapping import Identify, IdentifyKind
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company, paired_person
from tests.support.road_steps import COMPANIES, PEOPLE


async def test_twins_in_one_batch_do_not_stop_the_stream(make_road: MakeRoad) -> None:
    by_email = Identify(IdentifyKind.FIELD, "Email", "email")
    road = await make_road(COMPANIES, replace(PEOPLE, identify=(by_email,)))
    await road.app.execute("INSERT INTO app.person (email) VALUES ('twin@x.example')")
    await road.app.execute("DELETE FROM isthmus.change")
    twins = [road.org.create("Contact", {"LastName": name, "Email": "twin@x.example"}) for name in ("A", "B")]
    other = road.org.create("Contact", {"LastName": "Else"})
    await road.settle()
    linked = {link.sf_id for link in await road.links()}
    assert other in linked
    assert len(linked & set(twins)) == 1
    (parked,) = (await road.inspection.parked()).items
    assert (parked["code"], parked["sf_id"]) == ("already_linked", (set(twins) - linked).pop())


async def test_a_truncate_is_parked_and_a_retry_deletes_across(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    _, sf_id = await paired_company(road)
    await road.app.execute("TRUNCATE app.company")
    await road.settle()
    assert road.record("Account", sf_id), "nothing is deleted before a person has said so"
    parked = (await road.inspection.parked(code="truncate")).items
    assert len(parked) == 1
    assert "retry --code truncate" in str(parked[0]["advice"])
    assert await road.inspection.retry(code="truncate", operator="ops") == 1
    await road.settle()
    assert road.org.rows("Account") == []


async def test_what_capture_missed_is_found_by_comparing_every_linked_row(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.app.execute("ALTER TABLE app.company DISABLE TRIGGER USER")
    await road.update("company", key, phone="missed")
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "1"
    assert await road.database.capture_install([COMPANIES])
    assert await road.parts.store.faulty_capture() == {"companies"}
    assert await road.parts.store.sweep("companies", asked=False) == 1
    assert await road.parts.store.faulty_capture() == frozenset()
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "missed"
    await road.in_step()


async def test_a_broken_table_holds_back_its_own_step_alone(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    company, company_id = await paired_company(road)
    person, person_id = await paired_person(road)
    stream = road.stream()
    await road.app.execute("ALTER TABLE app.company RENAME TO company_away")
    road.org.update("Account", company_id, {"Phone": "2"})
    road.org.update("Contact", person_id, {"LastName": "Vale"})
    source = road.salesforce.stream_factory()
    await source.open("/data/ChangeEvents", road.position)
    try:
        while (await road.row("person", person) or {})["last_name"] != "Vale":
            batch = await source.receive()
            await stream._settle(batch, source.transport)
            road.position = batch.position or road.position
            await road.worker.round()
    finally:
        await source.close()
    await road.app.execute("ALTER TABLE app.company_away RENAME TO company")
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await road.settle()
    assert (await road.row("company", company) or {})["phone"] == "2"
    await road.in_step()


@pytest.mark.requirement("S2-10")
async def test_another_org_behind_the_same_configuration_is_refused(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    kept = KeptFacts(road.pool)
    await same_org(kept, {"id": "00D000000000001AAA"})
    await same_org(kept, {"id": "00D000000000001AAA"})
    with pytest.raises(RefusedError, match="00D000000000002AAA") as refused:
        await same_org(kept, {"id": "00D000000000002AAA"})
    assert refused.value.exit_status == 5
