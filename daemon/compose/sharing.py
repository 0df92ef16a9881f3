"""The links that pairs of one-way steps share, in the database of a daemon."""

from typing import TYPE_CHECKING

from adapters.postgres.kept import KeptFacts
from adapters.postgres.sharing import PostgresSharing
from daemon.compose.one_way import SharedLinks

if TYPE_CHECKING:
    from daemon.compose.assembly import Daemon


def shared_links(daemon: "Daemon") -> SharedLinks:
    """What keeps them under the names by which this daemon works, while it leads."""
    pool = daemon.sides.pool
    return SharedLinks(PostgresSharing(pool, daemon.lease), daemon.sides.database, KeptFacts(pool))
