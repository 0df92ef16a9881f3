"""What operators look up, page by page, newest first."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.postgres import changes
from adapters.postgres.documents import decode, encode
from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from daemon.domain.failure import Reason, UsageError
from daemon.domain.side import Direction, Side
from daemon.ports.database import Page, StepCounts

LONGEST_PAGE = 500
LARGEST_ID = 2**63 - 1
_DOCUMENTS = frozenset({"base", "salesforce", "postgres", "detail"})


class PostgresInspection:
    """The port `Inspection`. A page holds at most 500 items."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def counts(self) -> Mapping[str, StepCounts]:
        async with self._pool.session() as session:
            links = await session.fetch(Purpose.ADMIN, QUERIES["counts_links"])
            stored = await session.fetch(Purpose.ADMIN, QUERIES["counts_changes"])
            conflicts = await session.fetch(Purpose.ADMIN, QUERIES["counts_conflicts"])
            gaps = await session.fetch(Purpose.ADMIN, QUERIES["counts_gaps"])
            jobs = await session.fetch(Purpose.ADMIN, QUERIES["counts_jobs"])
        steps: dict[str, dict[str, Any]] = {}
        for row in links:
            steps.setdefault(row["step"], {})["links"] = row["links"]
        for row in stored:
            _add_changes(steps.setdefault(row["step"], {}), row)
        for row in conflicts:
            steps.setdefault(row["step"], {})["conflicts_open"] = row["records"]
        for row in gaps:
            steps.setdefault(row["step"], {})["gaps_open"] = row["gaps"]
        for row in jobs:
            steps.setdefault(row["step"], {}).update(
                first_load=row["state"],
                processed=row["processed"],
                expected=row["expected"],
                load_seconds=row["seconds"],
                load_held_up=row["held_up"],
            )
        return {step: StepCounts(**counts) for step, counts in steps.items()}

    async def parked(
        self,
        *,
        step: str | None = None,
        way: Direction | None = None,
        code: str | None = None,
        ids: Sequence[int] = (),
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        return await self._page("list_parked", (step, _left_out(way), code, list(ids)), limit, cursor)

    async def links(
        self,
        *,
        step: str | None = None,
        sf_id: str | None = None,
        key: str | None = None,
        state: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        query = "list_links"
        if sf_id is not None:
            query = "list_links_of_record"
        elif key is not None:
            query = "list_links_of_row"
        return await self._page(query, (step, sf_id, key, state), limit, cursor)

    async def conflicts(
        self,
        *,
        step: str | None = None,
        ids: Sequence[int] = (),
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        return await self._page("list_conflicts", (step, list(ids)), limit, cursor)

    async def gaps(
        self, *, step: str | None = None, open_only: bool = False, limit: int = 100, cursor: str | None = None
    ) -> Page:
        return await self._page("list_gaps", (step, open_only), limit, cursor)

    async def log(
        self,
        *,
        step: str | None = None,
        way: Direction | None = None,
        record: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        return await self._page("list_log", (step, _left_out(way), record), limit, cursor)

    async def history(self, step: str, *, sf_id: str | None, key: str | None, limit: int = 50) -> Page:
        limit = _bounded(limit)
        async with self._pool.session() as session:
            found: dict[int, Mapping[str, Any]] = {}
            for query, value in (("history_of_record", sf_id), ("history_of_row", key)):
                if value is not None:
                    rows = await session.fetch(Purpose.ADMIN, QUERIES[query], step, value, limit)
                    found |= {row["id"]: _item(row) for row in rows}
        newest = sorted(found, reverse=True)[:limit]
        return Page(tuple(found[number] for number in newest))

    async def retry(
        self,
        *,
        ids: Sequence[int] = (),
        step: str | None = None,
        way: Direction | None = None,
        code: str | None = None,
        operator: str,
    ) -> int:
        side = None if way is None else Side.SALESFORCE if way.pulls else Side.POSTGRES
        async with self._pool.session() as session, session.transaction():
            retried = await session.execute(
                Purpose.ADMIN, QUERIES["retry_parked"], list(ids), step, code, side
            )
            if retried:
                await changes.ring(session)
            request = {"ids": list(ids), "step": step, "way": way, "code": code}
            await _audit(session, operator, "retry", request, f"{retried} made pending")
            return retried

    async def discard(self, ids: Sequence[int], *, reason: str, operator: str) -> int:
        async with self._pool.session() as session, session.transaction():
            gone = await session.execute(
                Purpose.ADMIN,
                QUERIES["discard_parked"],
                list(ids),
                encode({"reason": reason, "operator": operator}),
            )
            request = {"ids": list(ids), "reason": reason}
            await _audit(session, operator, "discard", request, f"{gone} discarded")
            return gone

    async def audit(self, *, operator: str, action: str, request: Mapping[str, Any], outcome: str) -> None:
        async with self._pool.session() as session:
            await _audit(session, operator, action, request, outcome)

    async def instance_url(self) -> str | None:
        async with self._pool.session() as session:
            found: str | None = await session.value(Purpose.ADMIN, QUERIES["setting"], "instance_url")
            return found

    async def _page(self, query: str, arguments: tuple[object, ...], limit: int, cursor: str | None) -> Page:
        limit = _bounded(limit)
        async with self._pool.session() as session:
            rows = await session.fetch(
                Purpose.ADMIN, QUERIES[query], *arguments, cursor_number(cursor), limit + 1
            )
        items = tuple(_item(row) for row in rows[:limit])
        return Page(items, str(items[-1]["id"]) if len(rows) > limit else None)


def _add_changes(counts: dict[str, Any], row: Mapping[str, Any]) -> None:
    direction = "pull" if row["side"] == Side.SALESFORCE else "push"
    match row["state"]:
        case "parked":
            reason = row["reason"] if row["reason"] in set(Reason) else Reason.OTHER.value
            parked = counts.setdefault("parked", {})
            parked[direction, reason] = parked.get((direction, reason), 0) + row["records"]
            counts["oldest_parked"] = min(row["since"], counts.get("oldest_parked", row["since"]))
        case "held":
            counts["held"] = counts.get("held", 0) + row["records"]
        case _:
            pending = counts.setdefault("pending", {})
            pending[direction] = pending.get(direction, 0) + row["records"]
            oldest = counts.setdefault("oldest_pending", {})
            oldest[direction] = min(row["oldest"], oldest.get(direction, row["oldest"]))


def _item(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: decode(value) if name in _DOCUMENTS else value for name, value in row.items()}


def _left_out(way: Direction | None) -> str | None:
    """The direction whose entries a list of one way does without."""
    other = {Direction.PULL: Direction.PUSH, Direction.PUSH: Direction.PULL}
    return None if way is None or way not in other else other[way].value


def _bounded(limit: int) -> int:
    return max(1, min(limit, LONGEST_PAGE))


def cursor_number(cursor: str | None) -> int | None:
    """The id before which a page begins. Raises UsageError."""
    if cursor is None:
        return None
    if len(cursor) > len(str(LARGEST_ID)) or not cursor.isdecimal() or int(cursor) > LARGEST_ID:
        raise UsageError(
            f"{cursor[:40]!r} is not a cursor",
            f"a cursor is a number of at most {LARGEST_ID}",
            "take it from the page before",
        )
    return int(cursor)


async def _audit(
    session: Session, operator: str, action: str, request: Mapping[str, Any], outcome: str
) -> None:
    await session.execute(Purpose.LOG, QUERIES["audit"], operator, action, encode(request), outcome)
