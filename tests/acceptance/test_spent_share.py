"""A daemon that is started while its share of the org's API calls is spent."""

import json
import signal

from tests.support.world import World, problem_lines
from tests.support.world_program import until
from tests.support.world_shape import OPERATORS_TOKEN

_SPENT = "INSERT INTO isthmus.api_calls (span, calls, allowance) SELECT date_bin('5 min', now(), 'epoch'), 15000, 15000"


async def test_it_starts_says_what_it_waits_for_and_stops_when_asked(bare: World) -> None:
    await bare.isthmus("migrate")
    await bare.execute(_SPENT)
    bare.daemon = daemon = bare.launch()
    listening = await daemon.logged("http.listening", 30)
    bare.api, bare.metrics = f"http://{listening['api']}", f"http://{listening['metrics']}"
    waits = await daemon.logged("start_waits_for_api_calls", 30)
    assert "held by the API budget until about" in waits["reason"]

    async def ready_report() -> str | None:
        status, text = await bare.get(f"{bare.metrics}/readyz")
        report = json.loads(text)
        assert (status, report["status"], report["configuration"]) == (503, "not ready", False)
        reason: str = report["components"]["salesforce_api"]["reason"]
        return reason if report["database"] else None

    assert "held by the API budget" in str(await until(ready_report, "the database answers", 20))
    assert (await bare.get(f"{bare.metrics}/healthz"))[0] == 200
    told = await bare.isthmus("status", extra={"ISTHMUS_TOKEN": OPERATORS_TOKEN})
    assert told.status == 75
    what, why, _ = told.three_lines()
    assert "has not begun: it waits for API calls" in what
    assert "held by the API budget until about" in why
    assert daemon.status is None, daemon.tail()
    daemon.signal(signal.SIGTERM)
    assert await daemon.ended(10) == 0, daemon.tail()
    assert problem_lines(daemon.err) == []


async def test_once_does_not_wait(bare: World) -> None:
    await bare.isthmus("migrate")
    await bare.execute(_SPENT)
    program = bare.launch("--once")
    assert await program.ended(30) == 75, program.tail()
