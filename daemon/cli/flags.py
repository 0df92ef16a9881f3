"""The global flags, which may stand before or after the command.

The parser wants them before it, and people write them where they think of them: so they are moved to the front.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from daemon.domain.failure import UsageError

WITH_VALUE = frozenset({"-c", "--config", "--api", "--token-file", "--timeout"})
SWITCHES = frozenset(
    {
        "--json",
        "-q",
        "--quiet",
        "-v",
        "--verbose",
        "--no-color",
        "-y",
        "--yes",
        "--no-input",
        "--debug",
        "--version",
    }
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Flags:
    """The global flags as they were given."""

    config: tuple[Path, ...] = ()
    api: str | None = None
    token_file: Path | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    yes: bool = False
    no_input: bool = False
    timeout: float = 30.0
    debug: bool = False


def hoist(arguments: Sequence[str]) -> list[str]:
    """The arguments with the global flags, and their values, first. Nothing behind `--` is moved."""
    first: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            rest += [argument, *waiting]
            break
        if argument in WITH_VALUE:
            first += [argument, *waiting[:1]]
            del waiting[:1]
        elif argument in SWITCHES or _carries_value(argument):
            first.append(argument)
        else:
            rest.append(argument)
    return first + rest


def _carries_value(argument: str) -> bool:
    """`--config=FILE` and `-cFILE`."""
    name = argument.partition("=")[0] if argument.startswith("--") else argument[:2]
    return name in WITH_VALUE


def seconds(text: str) -> float:
    """A duration such as `30s`, `5m` or `2h`; a bare number is seconds. Raises UsageError."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            f"{text!r} is no duration", "it is not a number with a unit", "write it as 30s, 5m or 2h"
        )
    return float(found[1]) * _SECONDS[found[2] or "s"]
