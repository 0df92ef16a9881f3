"""The network between the daemon and the org: each fault with the bar that it must keep."""

import pytest

from tests.faults.between import Between
from tests.support.fault_proxy import FAIR, Weather
from tests.support.world_program import until

REST_SECONDS = 40.0
HEALED_SECONDS = 60.0


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_f17_the_org_answers_byte_by_byte(net: Between) -> None:
    net.salesforce.weather = Weather(slices=1)
    net.salesforce.reset()
    for marker in (await net.insert(), await net.create()):
        await net.across(
            marker, HEALED_SECONDS
        )  # what was reset begins anew at the pace of the failures before it
    for marker in (await net.insert(), await net.create()):
        await net.across(marker, 30)
    await net.nothing_twice()


@pytest.mark.parametrize(
    "weather",
    [Weather(black_hole=True), Weather(half_open=True)],
    ids=["black hole", "half open"],
)
async def test_f17_a_call_into_a_hole_before_the_org_is_given_up(net: Between, weather: Weather) -> None:
    before = await net.given_up()
    net.salesforce.weather = weather
    made = [await net.insert(), await net.create()]

    async def noticed() -> bool:
        return await net.given_up() > before

    await until(noticed, "a call is given up", REST_SECONDS, every=0.2)
    net.salesforce.weather = FAIR
    for marker in made:
        await net.across(marker, HEALED_SECONDS)
    await net.nothing_twice()


async def test_f16_replies_are_lost_in_the_middle(net: Between) -> None:
    for bytes_heard in (1, 100, 400):
        cuts = net.salesforce.cuts
        net.salesforce.weather = Weather(cut_after=bytes_heard, slices=1)
        made = [await net.insert() for _ in range(5)]

        async def cut(least: int = cuts + 3) -> bool:
            return net.salesforce.cuts >= least

        await until(cut, "replies are cut off", 30)
        net.salesforce.weather = FAIR
        for marker in made:
            await net.across(marker, HEALED_SECONDS)
    await net.nothing_twice()


async def test_f27_sessions_of_the_stream_are_forgotten(net: Between) -> None:
    for number in range(3):
        made = [await net.create()]
        await net.world.org.control("POST", "stream/drop-sessions")
        if number == 1:
            await net.world.org.expire_sessions()
        made += [await net.create(), await net.insert()]
        for marker in made:
            await net.across(marker, HEALED_SECONDS)
    await net.nothing_twice()


async def test_f21_the_org_goes_away_and_comes_back(net: Between) -> None:
    await net.salesforce.down()
    await net.down("salesforce_stream", 10)
    made = [await net.insert(), await net.create()]
    await net.salesforce.up()
    for marker in made:
        await net.across(marker, HEALED_SECONDS)
    await net.nothing_twice()
