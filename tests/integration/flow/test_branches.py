"""A database that was copied is refused; one that has branched is compared with Salesforce from both sides."""

from dataclasses import replace

import pytest

from daemon.domain.failure import RefusedError
from daemon.domain.identity import Verdict
from daemon.flow.branching import compare_everything, same_database
from daemon.flow.gaps import close_filled
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.integration.flow.test_gap_rows import gaps
from tests.integration.flow.test_gaps import behind_our_back
from tests.support.road_steps import COMPANIES


async def test_the_first_database_is_remembered_and_known_again(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    assert await road.database.known_identity() is None
    assert await same_database(road.database) is Verdict.SAME
    found = await road.database.identity()
    assert await road.database.known_identity() == found
    assert found.system is not None
    assert found.database is not None
    assert found.timeline == "00000001"
    assert await same_database(road.database) is Verdict.SAME


async def test_another_database_is_refused_until_it_is_accepted(make_road: MakeRoad) -> None:
    road, other = await make_road(COMPANIES), await make_road(COMPANIES)
    await same_database(road.database)
    known = await road.database.known_identity()
    assert known is not None
    await other.database.know(known)  # as a copy of the first one would have it
    with pytest.raises(RefusedError, match="not the database") as refused:
        await same_database(other.database)
    assert "isthmus database accept" in refused.value.fix
    await other.database.know(replace(await other.database.identity(), timeline="accepted"))
    assert await same_database(other.database) is Verdict.BRANCHED


async def test_a_branch_finds_what_its_lost_tail_had_done(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await same_database(road.database)
    key, sf_id = await paired_company(road)
    other_key, other = await paired_company(road, name="Other")
    await behind_our_back(road, sf_id, Phone="2")  # what the tail had pushed, and this branch does not know
    await road.app.execute("SET session_replication_role = replica")  # and what it had not captured
    await road.app.execute("UPDATE app.company SET phone = '7' WHERE id = $1", int(other_key))
    await road.app.execute("SET session_replication_role = origin")
    known = await road.database.known_identity()
    assert known is not None
    await road.database.know(replace(known, timeline="00000000"))
    assert await same_database(road.database) is Verdict.BRANCHED
    await compare_everything(road.parts, road.database)
    assert await gaps(road, "cause", "state") == [("timeline", "reading")]
    assert await same_database(road.database) is Verdict.SAME
    await road.settle()
    assert await close_filled(road.parts) == 1
    assert (await road.row("company", key) or {})["phone"] == "2"
    assert (road.org.get("Account", other) or {})["Phone"] == "7"
    await road.in_step()
