"""`record explain` on a terminal: the decision first, then each field with what it was decided from."""

from collections.abc import Mapping
from typing import Any

from daemon.cli.output import Output, plain, printable

_FIELDS = ("field", "rule", "winner", "salesforce", "postgres", "base", "policy")


def show_explanation(out: Output, explained: Mapping[str, Any]) -> None:
    """Write an explanation for a person to read."""
    link = explained.get("link") or {}
    pair = f"{explained.get('step')} {explained.get('key') or '(no row)'} -> {explained.get('sf_id') or '(no record)'}"
    state = (
        f"linked by {link.get('origin')}"
        if link.get("state") == "linked"
        else link.get("state") or "not linked"
    )
    plan = explained.get("plan") or {}
    lines = [f"{printable(pair)}   {state}", str(explained.get("summary", "")), ""]
    out.text("\n".join(printable(line) if line else line for line in lines))
    if plan.get("fields"):
        out.rows(plan["fields"], _FIELDS)
    for side in ("salesforce", "postgres"):
        write = plan.get(side)
        if write:
            out.text(f"would {write.get('operation')} in {side}: {plain(write.get('values'))}")
    for side, held in (plan.get("held") or {}).items():
        out.text(f"held for {side}: {plain(held.get('explanation'))}\n  do: {plain(held.get('advice'))}")
    if explained.get("advice"):
        out.text(f"  do: {plain(explained['advice'])}")
    if explained.get("candidates"):
        out.text(f"candidates: {plain(explained['candidates'])}")
    out.words("Nothing was written.")
