"""What every test stands on: a clean environment, Hypothesis profiles, and fresh PostgreSQL databases.

Fixtures:
- `databases`: the server of this session (one a worker under xdist); `await databases.prepare(name, fill)` makes a template,
  `async with databases.fresh(template) as dsn` a copy of it.
- `database`: the DSN of a fresh, empty database.
"""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.databases import Databases, disposable_databases

_KEPT = frozenset({"ISTHMUS_SEEDS", "ISTHMUS_CELLS", "ISTHMUS_CELL_SEEDS"})  # how much a deep run plays
for _name in list(os.environ):
    if _name.startswith(("ISTHMUS_", "PG")) and _name not in _KEPT:
        del os.environ[_name]  # or a developer's own server would be written to

# No deadline: a slow machine is not a failure. A failing example prints the line that plays it again.
settings.register_profile("dev", deadline=None, print_blob=True)
settings.register_profile(
    "ci", deadline=None, print_blob=True, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("deep", settings.get_profile("ci"), max_examples=5_000)
# For measuring branches: the same examples every time.
settings.register_profile(
    "gate", settings.get_profile("ci"), max_examples=100, derandomize=True, database=None
)
settings.load_profile("dev")


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    with disposable_databases() as running:
        yield running


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[str]:
    async with databases.fresh() as dsn:
        yield dsn
