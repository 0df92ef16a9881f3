"""The identifying columns of the user's tables, looked at as a whole: one pass for the numbers, one for spellings that clash."""

from adapters.postgres.faults import told
from adapters.postgres.identifiers import filled, qualified, quoted
from adapters.postgres.pool import Pool
from adapters.postgres.queries import template
from adapters.postgres.session import Purpose
from daemon.domain.failure import CallFailedError
from daemon.domain.mapping import Table
from daemon.ports.identifiers import ColumnFacts, Filled


class PostgresIdentifiers:
    """Implements `daemon.ports.identifiers.RowIdentifiers`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def column(self, table: Table, column: str, most: int) -> ColumnFacts:
        parts = {"table": qualified(table.schema, table.name), "column": quoted(column)}
        try:
            async with self._pool.session() as session:
                numbers = await session.fetch(Purpose.ADMIN, filled(template("identifier_values"), parts))
                clashes = await session.fetch(
                    Purpose.ADMIN, filled(template("identifier_clashes"), parts), most
                )
        except CallFailedError as error:
            raise told(f"the column {column} of {table.qualified} cannot be looked through", error) from error
        [(total, given, mixed)] = numbers
        return ColumnFacts(Filled(total, given), tuple(tuple(row[0]) for row in clashes), mixed)
