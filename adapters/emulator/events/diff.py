"""Large text as a difference.

Text of 1,000 characters and more may arrive as `{"diff": ...}` when that is shorter: not when the lengths differ by more than a half, nor when
more than a quarter of the lines changed. The line after `+++` carries the SHA-256 of the whole new value.
"""

from __future__ import annotations

import difflib
import hashlib

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
    text = "\n".join([f"--- {hunks[0][4:]}", f"+++ {digest}", *hunks[2:]]) if hunks else ""
    return {"diff": text} if text and len(text) < len(new) else None
