"""Links follow the rows whose primary key was changed, before anything is decided of the keys that it touched.

A stored rename may be put off, parked or in doubt while a newer change of another row under the old key is due. Found by that key, the
renamed row's link would give its record to the newcomer. So whoever takes up changes first has every stored rename followed that
reaches one of their keys, whatever state it is in, and with it those that were stored before and after it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from daemon.domain.change import Change, ChangeKind
from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step, Steps
from daemon.ports.comparing import LinkLookup
from daemon.ports.store import Unit
from daemon.reconcile.renames import key_now

RENAMED: Final = Failure(
    FailureKind.BUSY,
    Reason.ROW_LOCK,
    "row_renamed",
    "The row's key has changed, or another row has taken its key, and the stored change that tells of it comes first.",
    "Nothing: it is tried again every second or two.",
)

RENAMES_MOST: Final = 5_000
"""So many renames are followed in one transaction. Where more hang together, the oldest are followed and the rest waits."""


def _of_table(steps: Steps, step: Step) -> list[str]:
    """The steps of one table. Each stores every rename of it, and a link is moved by its own step's."""
    return [other.name for other in steps.ordered if other.table.qualified == step.table.qualified]


async def being_renamed(
    unit: LinkLookup, steps: Steps, step: Step, keys: Iterable[str | None]
) -> frozenset[str]:
    """The keys among these under which another row may be by now than the one whose link is there.

    Asked after the rows were read and locked, so that none is renamed between the two. Nothing is decided of such a row: the stored
    rename is followed by the worker, and what waits for that is stored.
    """
    wanted = sorted({key for key in keys if key is not None})
    return await unit.renamed(_of_table(steps, step), wanted) if wanted else frozenset()


async def follow_renames(
    unit: Unit, steps: Steps, step: Step, changes: Sequence[Change], linked: Iterable[Link]
) -> tuple[Change, ...] | None:
    """Follow what reaches these changes of one step, and the links of the records they name; None if nothing does.

    The changes as they are called after it. Those about whose row nothing can be said yet, because too many renames hang together, are
    left out: they stay stored as they are.
    """
    names = _of_table(steps, step)
    keys = {key for change in changes for key in (change.key, change.old_key) if key is not None}
    keys |= {link.key for link in linked if link.table == step.table.qualified}
    renames = await unit.renames(names, sorted(keys), RENAMES_MOST)
    if not renames:
        return None
    whole = len(renames) < RENAMES_MOST
    if not whole:
        renames = await unit.oldest_renames(names, RENAMES_MOST)
    followed = await _follow(unit, step, renames)
    if not whole and await unit.renames(names, sorted(keys), 1):
        return ()
    return tuple(followed.get(change.id, change) for change in changes)


async def _follow(unit: Unit, step: Step, renames: Sequence[Change]) -> dict[int, Change]:
    """Move the links and call older changes by the keys of today; the changes that are not as they were, by id."""
    by_step: dict[str, list[Change]] = {}
    for rename in renames:
        by_step.setdefault(rename.step, []).append(rename)
    touched = sorted({key for rename in renames for key in (rename.old_key, rename.key) if key is not None})
    await _move_links(unit, step, by_step, touched)
    moved: dict[int, Change] = {}
    for name, mine in by_step.items():
        stored = await unit.local_changes(name, touched)
        moved |= _called_anew((change for found in stored.values() for change in found), mine)
    await unit.call_anew(list(moved.values()))
    return moved


def _called_anew(changes: Iterable[Change], renames: Sequence[Change]) -> dict[int, Change]:
    """A rename that was followed is an update of its row: what else it changed has still to be told."""
    followed = {rename.id for rename in renames}
    moved: dict[int, Change] = {}
    for change in changes:
        after = replace(change, key=key_now(change.key or "", change.id, renames))
        if change.id in followed:
            after = replace(after, kind=ChangeKind.UPDATE, old_key=None)
        if after != change:
            moved[change.id] = after
    return moved


async def _move_links(
    unit: Unit, step: Step, by_step: Mapping[str, Sequence[Change]], touched: Sequence[str]
) -> None:
    """Each link goes by the renames of its own step; where that has no capture, by those of the step that is worked on."""
    links = await unit.links_of_rows(step.table.qualified, touched)
    others = next(iter(by_step.values()))
    gone: list[int] = []
    moved: list[Link] = []
    stayed: list[Link] = []
    new = {rename.key for renames in by_step.values() for rename in renames}
    for link in links.values():
        key = key_now(link.key, 0, by_step.get(link.step, others))
        if key == link.key:  # there and back: nothing moves, and children may wait for it all the same
            stayed.append(link)
        elif link.state is LinkState.TOMBSTONE and key not in new:
            gone.append(link.id)  # its key was taken: an undelete could not give it back to the row
        else:
            moved.append(replace(link, key=key))
    await unit.remove_links(gone)
    await unit.put_links(moved)
    found = [
        name
        for link in (*moved, *stayed)
        for name in (link.sf_id, f"{link.step}:{link.key}", f"{link.table}:{link.key}")
    ]
    await unit.release_waiting(found)  # children that could not say which row or record is their parent
