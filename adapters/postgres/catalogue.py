"""What the database says of itself: the server, one table or view, and the capture that is installed."""

from collections.abc import Mapping
from typing import Any

from adapters.postgres.installing import Installed, InstalledFunction, InstalledTrigger
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.domain.identity import Identity
from daemon.ports.clock import Clock
from daemon.ports.database import Column, ServerFacts, TableDescription


async def server_facts(session: Session, clock: Clock) -> ServerFacts:
    """The server as it answers now."""
    begin = clock.monotonic()
    (row,) = await session.fetch(Purpose.ADMIN, QUERIES["server_facts"])
    return ServerFacts(
        version=row["version"],
        user=row["user"],
        database=row["database"],
        now=row["now"],
        round_trip=clock.monotonic() - begin,
        tls=row["tls"],
    )


async def identity(session: Session) -> Identity:
    """Which database this is. A service that hides the cluster's number or its log tells only a part."""
    system = None
    if await session.value(Purpose.ADMIN, QUERIES["may_read_identity"]):
        system = await session.value(Purpose.ADMIN, QUERIES["system_identifier"])
    number = await session.value(Purpose.ADMIN, QUERIES["database_number"])
    try:
        timeline = await session.value(Purpose.ADMIN, QUERIES["timeline"])
    except CallFailedError as error:
        if error.failure.kind is FailureKind.TRANSIENT:
            raise
        timeline = None
    return Identity(system, number, timeline)


async def describe_table(session: Session, name: str) -> TableDescription | None:
    """One table or view. A name with a point is `schema.name` first, and a name on the search path else."""
    schema, point, rest = name.partition(".")
    found = await session.fetch(Purpose.ADMIN, QUERIES["relation"], schema, rest) if point else ()
    found = found or await session.fetch(Purpose.ADMIN, QUERIES["relation"], None, name)
    if not found:
        return None
    relation = found[0]
    columns = await session.fetch(Purpose.ADMIN, QUERIES["relation_columns"], relation["oid"])
    keys = await session.fetch(Purpose.ADMIN, QUERIES["relation_keys"], relation["oid"])
    return TableDescription(
        schema=relation["schema"],
        name=relation["name"],
        kind=relation["kind"],
        columns={row["name"]: _column(row) for row in columns},
        key=next((tuple(row["columns"]) for row in keys if row["is_primary"]), ()),
        unique=frozenset(tuple(row["columns"]) for row in keys),
        insertable=relation["insertable"],
        deletable=relation["deletable"],
    )


async def installed_capture(session: Session) -> Installed:
    """The capture functions and triggers that exist."""
    functions = await session.fetch(Purpose.ADMIN, QUERIES["capture_functions"])
    triggers = await session.fetch(Purpose.ADMIN, QUERIES["capture_triggers"])
    return Installed(
        functions={f["name"]: InstalledFunction(f["name"], f["body"], f["comment"]) for f in functions},
        triggers=tuple(
            InstalledTrigger(t["name"], t["function"], t["enabled"] in {"O", "A"}, t["schema"], t["table"])
            for t in triggers
        ),
    )


def _column(row: Mapping[str, Any]) -> Column:
    return Column(
        name=row["name"],
        type=row["type"],
        nullable=row["nullable"],
        default=row["has_default"],
        generated=row["generated"],
        selectable=row["selectable"],
        updateable=row["updateable"],
    )
