"""`isthmus emulator`: a Salesforce org on this machine, until it is stopped."""

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path

from adapters.emulator import Emulator, EmulatorOptions
from daemon.runtime.shutdown import Shutdown


async def run_emulator(*, port: int, seed: Path | None, as_json: bool, hold: float) -> int:
    """Serve an org until a signal, or for `hold` seconds if that is not 0. Prints where it is as soon as it serves."""
    emulator = Emulator(EmulatorOptions(port=port, seed_file=seed))
    with Shutdown() as shutdown:
        announcement = await emulator.start()
        try:
            _announce(announcement.as_json(), as_json=as_json)
            with suppress(TimeoutError):
                async with asyncio.timeout(hold or None):
                    await shutdown.requested.wait()
        finally:
            await emulator.stop()
        shutdown.disarm()
    return 0


def _announce(facts: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        width = max(len(name) for name in facts)
        sys.stdout.write("".join(f"{name:<{width}}  {value}\n" for name, value in facts.items()))
    sys.stdout.flush()
