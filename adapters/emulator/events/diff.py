"""Large text as a difference.

Text of 1,000 characters and more may arrive as `{"diff": ...}` when that is shorter: not when the lengths differ by more than a half, nor when
more than a quarter of the lines changed. The line after `+++` carries the SHA-256 of the whole new value.
"""

from __future__ import annotations

import difflib
import hashlib
import re

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@$")
_SHORTEST = 1000


def diff_of(old: str, new: str) -> dict[str, str] | None:
    """The diff object for a changed text, or None where Salesforce would send the whole value."""
    if len(new) < _SHORTEST or abs(len(old) - len(new)) > max(len(old), len(new)) / 2:
        return None
    before, after = old.splitlines(), new.splitlines()
    digest = hashlib.sha256(new.encode()).hexdigest()
    hunks = list(difflib.unified_diff(before, after, "", digest, n=0, lineterm=""))
    touched = sum(1 for line in hunks[2:] if line.startswith("+"))
    if touched * 4 > len(after):
        return None
    if not hunks:
        return None
    lines = (_HUNK.sub(_counted, line) for line in hunks[2:])
    text = "\n".join([f"--- {hunks[0][4:]}", f"+++ {digest}", *lines])
    return {"diff": text} if len(text) < len(new) else None


def _counted(hunk: re.Match[str]) -> str:
    """The head of a hunk with both its counts, also where they are one."""
    old, old_count, new, new_count = hunk.groups()
    return f"@@ -{old},{old_count or 1} +{new},{new_count or 1} @@"
