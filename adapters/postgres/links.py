"""Stored links."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.postgres.documents import decode, encode
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from daemon.domain.link import Link, LinkOrigin, LinkState, Window
from daemon.domain.value import values_from_json


def link_of(record: Mapping[str, Any]) -> Link:
    """A stored link."""
    return Link(
        id=record["id"],
        step=record["step"],
        object=record["object"],
        sf_id=record["sf_id"],
        table=record["pg_table"],
        key=record["pg_key"],
        state=LinkState(record["state"]),
        origin=LinkOrigin(record["origin"]),
        base=values_from_json(decode(record["base"])),
        seen=record["seen"],
        own=record["own"],
        merged_into=record["merged_into"],
        windows=tuple(_window(item) for item in decode(record["windows"])),
        outside=record["outside"],
    )


def _window(document: Mapping[str, Any]) -> Window:
    start, end = (datetime.fromisoformat(document[name]) for name in ("start", "end"))
    before, sent = (values_from_json(document.get(name, {})) for name in ("before", "sent"))
    return Window(start, end, before, sent)


async def of_records(session: Session, ids: Sequence[str]) -> dict[str, Link]:
    """Links by Salesforce id, locked."""
    found = await session.fetch(Purpose.IDENTIFY, QUERIES["links_of_records"], ids)
    return {record["sf_id"]: link_of(record) for record in found}


async def of_rows(session: Session, table: str, keys: Sequence[str]) -> dict[str, Link]:
    """Links by row key, locked."""
    found = await session.fetch(Purpose.IDENTIFY, QUERIES["links_of_rows"], table, keys)
    return {record["pg_key"]: link_of(record) for record in found}


async def by_id(session: Session, ids: Sequence[int]) -> dict[int, Link]:
    """Links by their own id, locked."""
    found = await session.fetch(Purpose.IDENTIFY, QUERIES["links_by_id"], ids)
    return {record["id"]: link_of(record) for record in found}


async def linked(session: Session, step: str, after: int, limit: int) -> list[tuple[int, str]]:
    """The linked pairs of a step in the order of their ids: link id and Salesforce id."""
    found = await session.fetch(Purpose.IDENTIFY, QUERIES["linked_records"], step, after, limit)
    return [(record["id"], record["sf_id"]) for record in found]


async def put(session: Session, links: Sequence[Link]) -> None:
    """Store links. Those that exist change first, so that a new one can take what a moved one gave up."""
    stored = [link for link in links if link.id]
    new = [link for link in links if not link.id]
    if stored:
        ids = [link.id for link in stored]
        await session.execute(Purpose.APPLY, QUERIES["update_links"], *_arrays(stored), ids)
    if new:
        await session.execute(Purpose.APPLY, QUERIES["insert_links"], *_arrays(new))


async def remove(session: Session, ids: Sequence[int]) -> None:
    """Forget links."""
    if ids:
        await session.execute(Purpose.APPLY, QUERIES["remove_links"], ids)


def _arrays(links: Sequence[Link]) -> list[list[object]]:
    rows = [
        (
            link.step,
            link.object,
            link.sf_id,
            link.table,
            link.key,
            link.state,
            link.origin,
            encode(link.base),
            link.seen,
            link.own,
            link.merged_into,
            encode(
                [
                    {"start": w.start, "end": w.end, "before": dict(w.before), "sent": dict(w.sent)}
                    for w in link.windows
                ]
            ),
            link.outside,
        )
        for link in links
    ]
    return [list(column) for column in zip(*rows, strict=True)]
