"""The network between the daemon and PostgreSQL, and the server behind it: each fault with the bar that it must keep."""

import pytest

from tests.faults.between import Between
from tests.support.fault_proxy import FAIR, Weather
from tests.support.world_program import until

RESUMED_SECONDS = 5.0
DEAD_LISTEN_SECONDS = 15.0
BLACK_HOLE_SECONDS = 40.0
POLL_SECONDS = 5.0

_TOO_MANY = b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0"
TOO_MANY = b"E" + (len(_TOO_MANY) + 4).to_bytes(4, "big") + _TOO_MANY


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_f31_the_server_restarts(net: Between) -> None:
    for _ in range(3):
        await net.postgres.down()
        await net.down("postgres", 10)
        made = [await net.insert(), await net.create()]
        await net.postgres.up()
        for marker in made:
            await net.across(marker, RESUMED_SECONDS)
    await net.nothing_twice()


async def test_f31_an_administrator_ends_every_connection(net: Between) -> None:
    for _ in range(5):
        made = [await net.insert(), await net.create()]
        await net.world.execute("""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name LIKE 'isthmus%'
        """)
        for marker in made:
            await net.across(marker, RESUMED_SECONDS)
    await net.nothing_twice()


async def test_f31_too_many_connections(net: Between) -> None:
    net.postgres.weather = Weather(refusal=TOO_MANY)
    net.postgres.reset()
    await net.down("postgres", 10)
    made = [await net.insert(), await net.create()]
    net.postgres.weather = FAIR
    for marker in made:
        await net.across(marker, RESUMED_SECONDS)
    await net.nothing_twice()


async def test_f17_a_black_hole_before_the_database(net: Between) -> None:
    net.postgres.weather = Weather(black_hole=True)
    await net.down("postgres", BLACK_HOLE_SECONDS)
    made = [await net.insert(), await net.create()]
    net.postgres.reset()
    net.postgres.weather = FAIR
    for marker in made:
        await net.across(marker, 60)
    await net.nothing_twice()


async def test_f35_a_dead_listen_is_noticed_and_the_poll_carries_on(net: Between) -> None:
    async def listeners() -> set[int]:
        found = await net.world.fetch("""
            SELECT pid FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'isthmus doorbell'
        """)
        return {row["pid"] for row in found}

    before = await listeners()
    assert len(before) == 1
    net.postgres.weather = Weather(half_open=True, only=b"isthmus doorbell")
    await net.across(await net.insert(), POLL_SECONDS)

    async def tried_again() -> bool:
        return bool(await listeners() - before)

    await until(tried_again, "the doorbell connects anew", DEAD_LISTEN_SECONDS + 2)
    net.postgres.weather = FAIR
    await net.across(await net.insert(), POLL_SECONDS)
    await net.nothing_twice()


async def test_i7_o7_the_answer_to_a_commit_is_lost(net: Between) -> None:
    for _ in range(4):
        cuts = net.postgres.cuts
        net.postgres.weather = Weather(cut_behind=b"COMMIT;")
        made = [await net.insert(), await net.create()]

        async def cut(least: int = cuts + 2) -> bool:
            return net.postgres.cuts >= least

        await until(cut, "two commits are cut off", 20)
        net.postgres.weather = FAIR
        for marker in made:
            await net.across(marker, 20)
    await net.nothing_twice()


async def test_f17_the_database_answers_byte_by_byte(net: Between) -> None:
    net.postgres.weather = Weather(slices=1)
    for marker in (await net.insert(), await net.create()):
        await net.across(marker, 30)
    await net.nothing_twice()


@pytest.mark.parametrize("code", ["40P01", "40001", "55P03", "57014"])
async def test_f33_a_statement_is_undone_and_the_whole_transaction_is_done_again(
    net: Between, code: str
) -> None:
    await net.world.execute(f"""
        CREATE SEQUENCE public.tries;
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('public.tries') <= 3 THEN
                RAISE EXCEPTION 'not now' USING ERRCODE = '{code}';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON crm.companies FOR EACH ROW
            WHEN (NEW.marker LIKE 'there%') EXECUTE FUNCTION public.refuse();
    """)
    await net.across(await net.create(), 20)
    assert await net.world.value("SELECT last_value FROM public.tries") >= 4
    await net.world.execute("DROP FUNCTION public.refuse CASCADE")
    await net.world.execute("DROP SEQUENCE public.tries")
    await net.nothing_twice()
