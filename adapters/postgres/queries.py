"""The SQL of this adapter, found by name.

Fixed statements stand in `sql/queries/*.sql`, each under a line `-- name: NAME`. Statements about the user's own tables are
made from the templates in `sql/templates/`.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

_SQL = files("adapters.postgres") / "sql"
_HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def _named_queries() -> dict[str, str]:
    queries: dict[str, str] = {}
    for file in sorted((_SQL / "queries").iterdir(), key=lambda file: file.name):
        preamble, *pieces = _HEADING.split(file.read_text("utf-8"))
        assert not preamble.strip(), f"{file.name} begins without a name"
        for name, text in zip(pieces[::2], pieces[1::2], strict=True):
            assert name not in queries, f"two queries are named {name}"
            queries[name] = text.strip()
    return queries


def template(name: str) -> str:
    """One template, by the name of its file."""
    return (_SQL / "templates" / f"{name}.sql").read_text("utf-8").strip()


def migrations() -> list[tuple[int, str, str]]:
    """Every migration in order: number, name and SQL."""
    found = []
    for file in (_SQL / "migrations").iterdir():
        number, _, name = file.name.removesuffix(".sql").partition("_")
        found.append((int(number), name, file.read_text("utf-8")))
    return sorted(found)


QUERIES: Mapping[str, str] = MappingProxyType(_named_queries())
"""Fixed statements by name."""
