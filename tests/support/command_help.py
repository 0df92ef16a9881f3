"""What a command says of itself, asked in this process: a process for each of some hundred commands would take a minute."""

import functools
import io
import os
from collections.abc import Iterable
from contextlib import redirect_stdout
from unittest.mock import patch

from daemon.cli.app import main


@functools.cache
def help_of(*command: str) -> str:
    """What `isthmus COMMAND… --help` prints, wide enough that no option is broken over two lines."""
    said = io.StringIO()
    with redirect_stdout(said), patch.dict(os.environ, {"COLUMNS": "200", "NO_COLOR": "1"}):
        status = main([*command, "--help"])
    assert status == 0, f"isthmus {' '.join(command)} --help ends with {status}"
    return said.getvalue()


def unknown_options(command: Iterable[str], words: Iterable[str]) -> list[str]:
    """The options among `words` that neither the command nor `isthmus` itself has."""
    text = help_of(*command) + help_of()
    return [word for word in words if word.startswith("--") and word not in text]
