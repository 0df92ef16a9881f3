"""The demo's SQL and its configuration's template, as files beside this one."""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

_FOLDER = files("daemon.compose.demo")
_HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def _named(text: str) -> dict[str, str]:
    _, *pieces = _HEADING.split(text)
    return {name: sql.strip() for name, sql in zip(pieces[::2], pieces[1::2], strict=True)}


TABLES = (_FOLDER / "tables.sql").read_text("utf-8")
"""The application's tables."""

STATEMENTS: Mapping[str, str] = MappingProxyType(_named((_FOLDER / "queries.sql").read_text("utf-8")))
"""What the demo asks and changes, by name."""

CONFIGURATION = (_FOLDER / "isthmus.yaml.template").read_text("utf-8")
"""The configuration, with `$name` for what differs from run to run."""
