"""Rows that have no record yet, found without anybody having told of them."""

from typing import Final

from daemon.domain.mapping import Step
from daemon.flow.parts import Parts

AT_ONCE: Final = 5000
"""Rows to a transaction: live changes get their turn between two."""


async def enqueue_all_unlinked(parts: Parts, step: Step) -> int:
    """Store a create for every row without a link and without a stored change; how many they were. Interrupted, it may begin again."""
    stored = 0
    while True:
        async with parts.writing:
            count = await parts.store.enqueue_unlinked(step, AT_ONCE)
        stored += count
        if count < AT_ONCE:
            return stored
