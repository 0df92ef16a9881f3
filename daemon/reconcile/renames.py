"""Which row a key meant: an application may rename a row, and give the old key to another one."""

import re
from collections.abc import Sequence
from typing import Final

from daemon.domain.change import Change

_UNTIL: Final = " (until change {})"
_GIVEN_UP: Final = re.compile(r" \(until change \d+\)\Z", re.ASCII)


def key_now(key: str, since: int, renames: Sequence[Change]) -> str:
    """The key by now of the row that had this key when the change `since` was stored; 0 is before all that is stored.

    `renames` are those of one step that reach the key, by their ids. A row whose key another row takes was deleted before, or its
    deletion would not have let that key go: it is called by a key that no row has.
    """
    for rename in renames:
        if rename.id <= since:
            continue
        if rename.old_key == key:
            key = rename.key or key
        elif rename.key == key:
            return given_up(key, rename.id)
    return key


def given_up(key: str, rename: int) -> str:
    """What a deleted row is called whose key was taken by the rename with this id. One row at most has the name."""
    return f"{key}{_UNTIL.format(rename)}"


def is_given_up(key: str) -> bool:
    """Whether this is what a deleted row is called whose key was taken: no row can have it back."""
    return _GIVEN_UP.search(key) is not None
