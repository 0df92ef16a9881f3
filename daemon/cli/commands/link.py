"""`link`: which row is which record, and how a person changes that."""

from typing import Annotated, Any

import typer

from daemon.cli.client import Client, segment
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation
from daemon.cli.lists import Limit, show_list
from daemon.domain.failure import NotFoundError, RefusedError, UsageError

_LINK = ("id", "step", "object", "sf_id", "table", "key", "state", "origin", "created_at")
_TAKE = ("salesforce", "postgres", "none")

_OfStep = Annotated[str, typer.Argument(metavar="STEP")]
_Step = Annotated[str | None, typer.Option("--step", metavar="STEP", help="Only this step.")]
_Sf = Annotated[str | None, typer.Option("--sf", metavar="ID", help="The Salesforce id.")]
_Pg = Annotated[str | None, typer.Option("--pg", metavar="KEY", help="The key of the row.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    link = typer.Typer(
        help=help_with(
            "Which row is which record.",
            "isthmus link list --step people --pg 4711",
            "isthmus link create people --pg 4711 --sf 0035g00000XYZABAA4 --take postgres",
            "isthmus link remove people --pg 4711 --block",
        ),
        short_help="Which row is which record.",
    )
    link.command("list", help="Links, newest first.")(_links)
    link.command("show", help="One link.")(_link)
    link.command("create", help="Pair a row and a record by hand.")(_create)
    link.command("remove", help="Unlink. The data stays on both sides.")(_remove)
    app.add_typer(link, name="link")


def _links(
    context: typer.Context, step: _Step = None, sf: _Sf = None, pg: _Pg = None, limit: Limit = 100
) -> int:
    return show_list(context, "/links", _LINK, limit, step=step, sf_id=sf, key=pg)


def _link(context: typer.Context, step: _OfStep, sf: _Sf = None, pg: _Pg = None) -> int:
    invocation = Invocation.of(context)
    invocation.out.document(_the_link(invocation.client(), step, sf, pg))
    return 0


def _create(
    context: typer.Context,
    step: _OfStep,
    pg: Annotated[str, typer.Option("--pg", metavar="KEY", help="The key of the row.")],
    sf: Annotated[str, typer.Option("--sf", metavar="ID", help="The Salesforce id.")],
    take: Annotated[
        str,
        typer.Option(
            "--take",
            metavar="SIDE",
            help="Whose values both get: salesforce, postgres; none: the step's rules decide.",
        ),
    ] = "none",
) -> int:
    if take not in _TAKE:
        raise UsageError(
            f"--take {take} is not known", "it says whose values win at first", f"one of: {', '.join(_TAKE)}"
        )
    invocation = Invocation.of(context)
    effect = (
        "the rules of the step decide which values win"
        if take == "none"
        else f"the values of {take} are written to the other side"
    )
    invocation.confirm(f"This links row {pg} of step {step} to {sf}; {effect}.")
    made = invocation.client().call(
        "POST", "/links", body={"step": step, "key": pg, "sf_id": sf, "take": take}
    )
    invocation.out.document(made)
    invocation.out.words(f"taken back by: isthmus link remove {step} --pg {pg}")
    return 0


def _remove(
    context: typer.Context,
    step: _OfStep,
    pg: _Pg = None,
    sf: _Sf = None,
    block: Annotated[bool, typer.Option("--block", help="Never pair these two again.")] = False,
) -> int:
    invocation = Invocation.of(context)
    client = invocation.client()
    link = _the_link(client, step, sf, pg)
    invocation.confirm(
        f"This unlinks row {link.get('key')} of step {step} from {link.get('sf_id')}"
        f"{' for good' if block else ''}. The data stays on both sides."
    )
    gone = client.call(
        "DELETE", f"/links/{segment(str(link['id']))}", query={"block": "true" if block else None}
    )
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
            f"step {step} has no link of {pg or sf}",
            "none is stored under that key",
            "see: isthmus link list",
        )
    if len(found) > 1:
        raise RefusedError(
            f"{pg or sf} has several links", "one was expected", "name it by the other side's key"
        )
    link: dict[str, Any] = found[0]
    return link
