"""`step expectations`: how many records and rows are not synced, and why."""

from typing import Annotated

import typer

from daemon.cli.client import segment
from daemon.cli.invocation import Invocation


def add_to(step: typer.Typer) -> None:
    """Put the command on the group `step`."""
    step.command("expectations", help="How many records and rows are not synced, and why.")(_expectations)


def _expectations(context: typer.Context, step: Annotated[str, typer.Argument(metavar="STEP")]) -> int:
    invocation = Invocation.of(context)
    found = invocation.client().call("POST", f"/steps/{segment(step)}/expectations", body={})
    if invocation.out.json:
        invocation.out.document(found)
        return 0
    for side, of in (("salesforce", "records"), ("postgres", "rows")):
        told = found[side]
        invocation.out.words(f"{side}: {told['synced']:,} of {told[of]:,} {of} are synced")
    lines = [
        {"side": side, "number": number, "reason": reason, "meaning": found["meanings"].get(reason)}
        for side in ("salesforce", "postgres")
        for reason, number in found[side]["not_synced"].items()
    ]
    invocation.out.rows(lines, ("side", "number", "reason", "meaning"))
    return 0
