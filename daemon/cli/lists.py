"""Lists of the API, page after page, as one table."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from daemon.cli.client import Client
from daemon.cli.invocation import Invocation

PAGE = 500
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most this many.")]


def fetch(client: Client, path: str, limit: int, **filters: Any) -> dict[str, Any]:
    """Up to `limit` items of a list, over as many pages as it takes; `next` is set if there are more."""
    items: list[Any] = []
    cursor: str | None = None
    while True:
        page = client.get(path, {**filters, "limit": min(PAGE, limit - len(items)), "cursor": cursor})
        items += page["items"]
        cursor = page.get("next")
        if cursor is None or len(items) >= limit:
            return {"items": items, "next": cursor}


def show_list(context: typer.Context, path: str, preferred: Sequence[str], limit: int, **filters: Any) -> int:
    """Fetch a list and write it."""
    invocation = Invocation.of(context)
    found = fetch(invocation.client(), path, limit, **filters)
    invocation.out.rows(found["items"], preferred, document=found)
    if found["next"] is not None:
        invocation.out.words(f"there are more than these {limit}; see them with --limit")
    return 0
