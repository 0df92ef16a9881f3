"""Writes docs/how-to/understand-errors.md from the catalogue of codes: `python -m tests.support.errors_page`."""

from pathlib import Path

from daemon.compose.codes import CATALOGUE
from daemon.domain.fault import Chapter
from daemon.operations.explaining import PAGE, Explained, entries

ROOT = Path(__file__).resolve().parents[2]

HEAD = """\
# Understand errors

Generated from the catalogue of codes by `python -m tests.support.errors_page`; edit the catalogue, not this page.

A record that could not be applied is parked with a code, the other side's own message, and what to do. The same text stands in the API's answers and in the view `isthmus.parked`. On any machine, without a daemon:

```sh
isthmus explain UNABLE_TO_LOCK_ROW   # one code
isthmus explain                      # all of them
```

A code that has no explanation here is shown with its message, its fields and its record all the same: `isthmus parked show ID`. Where a lock, a time-out or a limit is told only in the text of another code, the text decides whether it is tried again.
"""


def page() -> str:
    """The page as it should be."""
    return "\n".join([HEAD, *(_chapter(chapter) for chapter in CATALOGUE)])


def _chapter(chapter: Chapter) -> str:
    parts = [f"## {chapter.speaker}\n\n{chapter.about}\n"]
    return "\n".join([*parts, *(_entry(entry) for entry in entries([chapter]))])


def _entry(entry: Explained) -> str:
    shown = entry.shown()
    lines = [
        f"### {entry.code}\n",
        f"{shown['meaning'][:1].upper()}{shown['meaning'][1:]}. *{shown['kind'].replace('_', ' ')}, {'passes by itself' if entry.transient else 'waits for a person'}*\n",
        f"- Why: {shown['cause']}",
        f"- Do: {shown['advice']}",
    ]
    if shown["names"]:
        lines.append(f"- Names: {shown['names']}.")
    if entry.fault.page:
        lines.append(f"- More: [{entry.fault.page.partition('#')[0]}](../../{entry.fault.page})")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / PAGE).write_text(page(), encoding="utf-8")
