"""Small facts that the daemon keeps under a name."""

from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose


class KeptFacts:
    """Texts by name. Each call is its own transaction, committed when it returns. Raises CallFailedError."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get(self, name: str) -> str | None:
        """The text under a name, or None."""
        async with self._pool.session() as session:
            found: str | None = await session.value(Purpose.ADMIN, QUERIES["setting"], name)
            return found

    async def put(self, name: str, text: str) -> None:
        """Keep a text under a name, in place of the one before."""
        async with self._pool.session() as session:
            await session.execute(Purpose.ADMIN, QUERIES["set_setting"], name, text)
