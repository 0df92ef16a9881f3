"""Conditions on rows, held against the database before they are used."""

from collections.abc import Sequence
from typing import Final, NoReturn

from adapters.postgres.identifiers import filled
from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES, template
from adapters.postgres.session import Purpose, Session
from adapters.postgres.tables import TableSql
from daemon.domain.failure import CallFailedError
from daemon.domain.mapping import Step

_THE_CONDITIONS: Final = ("0A", "22", "42")
"""Classes of SQLSTATE that say that the condition cannot be what is meant."""


class _UndoneError(Exception):
    """Ends a transaction in which nothing is to stay; `volatile` are the functions that do not only look."""

    def __init__(self, volatile: Sequence[str]) -> None:
        super().__init__("undone")
        self.volatile = volatile


async def condition_fault(pool: Pool, step: Step) -> str | None:
    """What is wrong with a step's condition on rows, in one sentence; None if nothing is.

    It must be a condition over columns that are there, which only looks (nothing of it is volatile). A view is made of it for the question
    and undone again, so PostgreSQL itself answers. Raises CallFailedError if that cannot be asked.
    """
    try:
        async with pool.session() as session, session.transaction():
            await _try(session, step)
    except _UndoneError as tried:
        used = ", ".join(tried.volatile)
        return f"it uses {used}, which may change things or answer differently each time" if used else None
    except CallFailedError as error:
        if not error.failure.code.startswith(_THE_CONDITIONS):
            raise
        return error.failure.message


async def _try(session: Session, step: Step) -> NoReturn:
    """Make a view of the condition, and undo it.

    Fetched, so prepared: PostgreSQL takes no second statement there, which a condition could otherwise begin by closing its parenthesis.
    """
    shared = TableSql(step, lockable=False).condition
    await session.fetch(Purpose.ADMIN, filled(template("condition_view"), shared))
    await session.fetch(Purpose.ADMIN, template("condition_rows"))
    found = await session.fetch(Purpose.ADMIN, QUERIES["volatile_functions"])
    raise _UndoneError([str(record["name"]) for record in found])
