"""`isthmus emulator`: a Salesforce org on this machine, until it is stopped."""

import asyncio
import gc
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from adapters.emulator import Announcement, Emulator, EmulatorOptions, HostRefused, KeysRefused, SeedRefused
from daemon.domain.failure import ConfigurationError, UnreachableError, UsageError
from daemon.runtime.shutdown import Shutdown

_DEFAULT_POLL_SECONDS = 110.0
_COLLECT_AFTER = 50_000
"""New objects between two looks for garbage: a transaction makes thousands that live for a moment, and next to nothing of them is garbage."""


async def run_emulator(
    *,
    host: str,
    port: int,
    seed: Path | None,
    switches: Sequence[str],
    keys: Path | None,
    random_seed: int | None,
    poll: float,
    as_json: bool,
    hold: float,
) -> int:
    """Serve an org until a signal, or for `hold` seconds if that is not 0. Prints where it is as soon as it serves.

    `switches` are `NAME=VALUE` texts, `keys` the folder of the app's private key, `poll` the seconds that a connect without events is
    held (0 is Salesforce's 110). Raises ConfigurationError, UnreachableError and UsageError.
    """
    options = EmulatorOptions(
        host=host,
        port=port,
        seed_file=seed,
        key_directory=keys,
        hold_seconds=poll or _DEFAULT_POLL_SECONDS,
        random_seed=random_seed,
    )
    gc.set_threshold(_COLLECT_AFTER)
    emulator = Emulator(options)
    _set_switches(emulator, switches)
    with Shutdown() as shutdown:
        try:
            announcement = await _started(emulator, options)
            gc.freeze()  # the seeded records stay: no need to look through them at every collection
            _announce(announcement, as_json=as_json)
            with suppress(TimeoutError):
                async with asyncio.timeout(hold or None):
                    await shutdown.requested.wait()
        finally:
            await emulator.stop()
        shutdown.disarm()
    return 0


def _set_switches(emulator: Emulator, given: Sequence[str]) -> None:
    for item in given:
        name, joint, text = item.partition("=")
        try:
            value = json.loads(text) if joint else True
        except json.JSONDecodeError:
            value = text
        try:
            emulator.org.set_switches({name.strip(): value})
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"the switch {item} cannot be set",
                str(error),
                "write it as NAME=VALUE, like merge_events=false",
            ) from None


async def _started(emulator: Emulator, options: EmulatorOptions) -> Announcement:
    try:
        return await emulator.start()
    except SeedRefused as refused:
        raise ConfigurationError(
            "the seed file cannot be used",
            str(refused),
            "mend the named place; docs/emulator.md explains every key",
        ) from None
    except KeysRefused as refused:
        raise ConfigurationError(
            "the folder for the private key cannot be used",
            str(refused),
            "name another with --keys, or leave it out for a temporary one",
        ) from None
    except HostRefused as refused:
        raise ConfigurationError(
            f"the emulator cannot serve on the host {options.host}",
            str(refused),
            "name a host of this machine with --host, or leave it out for 127.0.0.1",
        ) from None
    except OSError as error:
        raise UnreachableError(
            f"the emulator cannot serve on {options.host}:{options.port}",
            str(error),
            "choose another with --port, or --port 0 for a free one",
        ) from None


def _announce(announcement: Announcement, *, as_json: bool) -> None:
    facts = announcement.as_json()
    if as_json:
        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        width = max(len(name) for name in facts)
        sys.stdout.write("A Salesforce org is here until Ctrl-C. It keeps nothing.\n\n")
        sys.stdout.write("".join(f"  {name:<{width}}  {value}\n" for name, value in facts.items()))
        sys.stdout.write(
            "\nTry:\n"
            f'  curl -H "Authorization: Bearer {announcement.access_token}" '
            f'"{announcement.url}/services/data/v67.0/query?q=SELECT+Id,Name+FROM+User"\n'
        )
    sys.stdout.flush()
