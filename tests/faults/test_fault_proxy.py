"""The proxy itself: each weather does what it says, and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.support.fault_proxy import FAIR, FaultProxy, Weather

SENT = b"every byte comes back"


class Echo(asyncio.Protocol):
    """A server that gives back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    """A proxy before an echo."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    async with server, FaultProxy(server.sockets[0].getsockname()[:2]) as made:
        yield made


async def _echoed(proxy: FaultProxy, sent: bytes = SENT, seconds: float = 5.0) -> bytes:
    """What comes back of what is sent over a new connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        async with asyncio.timeout(seconds):
            writer.write(sent)
            return await reader.readexactly(len(sent))
    finally:
        writer.transport.abort()


async def test_fair_weather_changes_nothing(proxy: FaultProxy) -> None:
    assert await _echoed(proxy, SENT * 10_000) == SENT * 10_000


@pytest.mark.parametrize(
    ("weather", "least"),
    [(Weather(latency=0.1), 0.2), (Weather(rate=210.0), 0.2), (Weather(slices=1, latency=0.01), 0.2)],
    ids=["latency", "rate", "byte by byte"],
)
async def test_slow_weather_keeps_every_byte(proxy: FaultProxy, weather: Weather, least: float) -> None:
    proxy.weather = weather
    begun = time.monotonic()
    assert await _echoed(proxy) == SENT
    assert time.monotonic() - begun >= least


@pytest.mark.parametrize("weather", [Weather(black_hole=True), Weather(half_open=True)], ids=["hole", "half"])
async def test_a_hole_holds_what_comes_until_it_heals(proxy: FaultProxy, weather: Weather) -> None:
    proxy.weather = weather
    with pytest.raises(TimeoutError):
        await _echoed(proxy, seconds=0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(SENT)
    proxy.weather = FAIR
    async with asyncio.timeout(5):
        assert await reader.readexactly(len(SENT)) == SENT
    writer.transport.abort()


@pytest.mark.parametrize("weather", [Weather(cut_after=5, slices=5), Weather(cut_behind=b"byte")])
async def test_a_cut_is_a_reset(proxy: FaultProxy, weather: Weather) -> None:
    proxy.weather = weather
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await _echoed(proxy)
    assert proxy.cuts == 1


async def test_down_refuses_and_up_serves_again(proxy: FaultProxy) -> None:
    await proxy.down()
    with pytest.raises(ConnectionRefusedError):
        await _echoed(proxy)
    await proxy.up()
    assert await _echoed(proxy) == SENT


async def test_weather_may_be_for_some_connections_only(proxy: FaultProxy) -> None:
    proxy.weather = Weather(black_hole=True, only=b"these")
    with pytest.raises(TimeoutError):
        await _echoed(proxy, b"these are held", seconds=0.3)
    assert await _echoed(proxy) == SENT


async def test_a_refusal_is_all_that_a_new_connection_hears(proxy: FaultProxy) -> None:
    proxy.weather = Weather(refusal=b"no")
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    async with asyncio.timeout(5):
        writer.write(SENT)
        assert await reader.read() == b"no"
    writer.transport.abort()


async def test_a_slow_close_comes_late(proxy: FaultProxy) -> None:
    proxy.weather = Weather(slow_close=0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    begun = time.monotonic()
    writer.write_eof()
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    assert time.monotonic() - begun >= 0.3
    writer.transport.abort()
