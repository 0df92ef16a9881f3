"""`link`: which row is which record, and how a person changes that."""

from typing import Annotated, Any

import typer

from daemon.cli.client import Client, segment
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation
from daemon.cli.lists import Limit, show_list
from daemon.cli.output import plain
from daemon.domain.failure import NotFoundError, RefusedError, UsageError

_LINK = (
    "id",
    "step",
    "object",
    "sf_id",
    "table",
    "key",
    "state",
    "origin",
    "created_at",
    "merged_into",
    "salesforce_url",
)
_TAKE = ("salesforce", "postgres", "none")
_STATES = ("linked", "broken", "blocked", "unlinked", "tombstone")

_OfStep = Annotated[str, typer.Argument(metavar="STEP")]
_Step = Annotated[str | None, typer.Option("--step", metavar="STEP", help="Only this step.")]
_Sf = Annotated[str | None, typer.Option("--sf", metavar="ID", help="The Salesforce id.")]
_Pg = Annotated[str | None, typer.Option("--pg", metavar="KEY", help="The key of the row.")]
_Row = Annotated[str, typer.Option("--pg", metavar="KEY", help="The key of the row.")]
_Pasted = Annotated[
    str, typer.Option("--sf", metavar="URL", help="The record's address in the browser, or its id.")
]
_Side = Annotated[
    str,
    typer.Option(
        "--take",
        metavar="SIDE",
        help="Whose values both get: salesforce, postgres; none: the step's rules decide.",
    ),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show both halves and leave it at that.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    link = typer.Typer(
        help=help_with(
            "Which row is which record. Changing a link takes a token with the role admin.",
            "isthmus link list --step people --state broken",
            "isthmus link create people --pg 4711 --sf https://acme.lightning.force.com/lightning/r/Lead/00Q…/view",
            "isthmus link change people --pg 4711 --sf 0035g00000XYZABAA4",
            "isthmus link remove people --pg 4711",
        ),
        short_help="Which row is which record.",
    )
    link.command("list", help="Links, newest first; broken ones with the record that survived.")(_links)
    link.command("show", help="One link.")(_link)
    link.command("create", help="Pair a row and a record by hand; both are shown first.")(_create)
    link.command("change", help="Give a linked row another record: unlink and link in one.")(_change)
    link.command("remove", help="Unlink. The data stays on both sides, and nothing travels any more.")(
        _remove
    )
    app.add_typer(link, name="link")


def _links(
    context: typer.Context,
    step: _Step = None,
    sf: _Sf = None,
    pg: _Pg = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help=f"One of {', '.join(_STATES)}.")
    ] = None,
    limit: Limit = 100,
) -> int:
    if state is not None and state not in _STATES:
        raise UsageError(f"--state {state} is not known", "no link has it", f"one of: {', '.join(_STATES)}")
    return show_list(context, "/links", _LINK, limit, step=step, sf_id=sf, key=pg, state=state)


def _link(context: typer.Context, step: _OfStep, sf: _Sf = None, pg: _Pg = None) -> int:
    invocation = Invocation.of(context)
    invocation.out.document(_the_link(invocation.client(), step, sf, pg))
    return 0


def _create(
    context: typer.Context,
    step: _OfStep,
    pg: _Row,
    sf: _Pasted,
    take: _Side = "none",
    dry_run: _DryRun = False,
) -> int:
    return _pair(Invocation.of(context), "/links", step, pg, sf, take, dry_run=dry_run)


def _change(
    context: typer.Context,
    step: _OfStep,
    pg: _Row,
    sf: _Pasted,
    take: _Side = "none",
    dry_run: _DryRun = False,
) -> int:
    return _pair(Invocation.of(context), "/links:change", step, pg, sf, take, dry_run=dry_run)


def _pair(invocation: Invocation, path: str, step: str, pg: str, sf: str, take: str, *, dry_run: bool) -> int:
    """Show the two halves, ask, and pair them."""
    if take not in _TAKE:
        raise UsageError(
            f"--take {take} is not known", "it says whose values win at first", f"one of: {', '.join(_TAKE)}"
        )
    client = invocation.client()
    shown = client.call("POST", "/links:preview", body={"step": step, "key": pg, "sf_id": sf})
    if path == "/links" and shown["linked_to"]:
        raise RefusedError(
            f"row {pg} of step {step} is linked already",
            f"it belongs to {shown['linked_to']}",
            f"unlink it first: isthmus link remove {step} --pg {pg}; or do both at once: isthmus link change {step} --pg {pg}",
        )
    if dry_run:
        invocation.out.document(shown)
        return 0
    _show_halves(invocation, shown)
    invocation.confirm(_intent(shown, take))
    body = {"step": step, "key": pg, "sf_id": shown["sf_id"], "take": take}
    made = client.call("POST", path, body=body)
    invocation.out.document(made)
    back = (
        f"link change {step} --pg {pg} --sf {made['was']}"
        if "was" in made
        else f"link remove {step} --pg {pg}"
    )
    invocation.out.words(f"taken back by: isthmus {back}")
    return 0


def _show_halves(invocation: Invocation, shown: dict[str, Any]) -> None:
    """The two halves beside each other, on the side of words: standard output is for the result."""
    rows = [("", f"{shown['object']} {shown['sf_id']}", f"row {shown['key']}")]
    rows += [
        (item["field"], plain(item["salesforce"]), plain(item["postgres"]) + ("" if item["same"] else "  *"))
        for item in shown["fields"]
    ]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, theirs, ours in rows:
        invocation.out.words(f"{name:<{first}}  {theirs:<{second}}  {ours}".rstrip())
    if shown["salesforce_url"]:
        invocation.out.words(shown["salesforce_url"])


def _intent(shown: dict[str, Any], take: str) -> str:
    effect = (
        "the rules of the step decide which values win"
        if take == "none"
        else f"the values of {take} are written to the other side"
    )
    parted = f", and unlinks it from {shown['linked_to']}" if shown["linked_to"] else ""
    return f"This links row {shown['key']} of step {shown['step']} to {shown['sf_id']}{parted}; {effect}."


def _remove(
    context: typer.Context,
    step: _OfStep,
    pg: _Pg = None,
    sf: _Sf = None,
    block: Annotated[bool, typer.Option("--block", help="Never pair these two again.")] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="As if they had never been paired: the rules may pair them again."),
    ] = False,
) -> int:
    if block and forget:
        raise UsageError(
            "--block and --forget exclude each other",
            "one remembers the pair, the other does not",
            "leave one out",
        )
    invocation = Invocation.of(context)
    client = invocation.client()
    link = _the_link(client, step, sf, pg)
    if link.get("state") == "unlinked" and not (block or forget):
        raise NotFoundError(
            f"{pg or sf} is not linked",
            f"row {link.get('key')} and record {link.get('sf_id')} were unlinked before",
            "to let the step's rules pair them again: add --forget",
        )
    after = (
        "They are never paired again."
        if block
        else "The rules of the step may pair them again."
        if forget
        else "Nothing travels between them until a person links them again."
    )
    invocation.confirm(
        f"This removes the link of row {link.get('key')} of step {step} to {link.get('object')} {link.get('sf_id')}."
        f" The data stays on both sides. {after}"
    )
    query = {"block": "true" if block else None, "forget": "true" if forget else None}
    gone = client.call("DELETE", f"/links/{segment(str(link['id']))}", query=query)
    invocation.out.document(gone)
    invocation.out.words(
        f"taken back by: isthmus link create {step} --pg {link.get('key')} --sf {link.get('sf_id')}"
    )
    return 0


def _the_link(client: Client, step: str, sf: str | None, pg: str | None) -> dict[str, Any]:
    if (sf is None) == (pg is None):
        raise UsageError("which link is not said", "it takes one of --pg and --sf", "add --pg KEY or --sf ID")
    found = client.get("/links", {"step": step, "sf_id": sf, "key": pg, "limit": 2})["items"]
    if not found:
        raise NotFoundError(
            f"{pg or sf} is not linked",
            f"step {step} has no link under that key",
            "see: isthmus link list",
        )
    if len(found) > 1:
        raise RefusedError(
            f"{pg or sf} has several links", "one was expected", "name it by the other side's key"
        )
    link: dict[str, Any] = found[0]
    return link
