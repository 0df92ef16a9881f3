"""Which configuration a command uses."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.domain.failure import ConfigurationError

if TYPE_CHECKING:
    from daemon.settings.models import Settings

DEFAULT_FILES = (Path("isthmus.yaml"), Path("/etc/isthmus/isthmus.yaml"))


def find_files(named: Sequence[Path]) -> list[Path]:
    """The files given by -c, else the one in ISTHMUS_CONFIG, else the first default that exists; perhaps none."""
    if named:
        return list(named)
    if from_environment := os.environ.get("ISTHMUS_CONFIG"):
        return [Path(from_environment)]
    return [path for path in DEFAULT_FILES if path.exists()][:1]


def require_files(named: Sequence[Path]) -> list[Path]:
    """The files that `find_files` gives. Raises ConfigurationError where there are none."""
    files = find_files(named)
    if not files:
        raise ConfigurationError(
            "there is no configuration",
            f"neither -c nor ISTHMUS_CONFIG is given, and none of {', '.join(map(str, DEFAULT_FILES))} exists",
            "name one with -c FILE; to try isthmus without any: isthmus demo",
        )
    return files


def load_settings(named: Sequence[Path]) -> "Settings":
    """The settings. Raises ConfigurationError with everything that is wrong."""
    files = require_files(named)
    from daemon.settings.load import load

    return load(files, os.environ)
