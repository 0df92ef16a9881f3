"""`campaign`: which campaign is which in Salesforce, and how a person has it linked, made there, or parted."""

from typing import Annotated, Any

import typer

from daemon.cli.client import segment
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation
from daemon.cli.lists import Limit, show_list
from daemon.domain.failure import UsageError

_COLUMNS = ("key", "name", "state", "sf_id", "origin", "salesforce_url")
_TAKE = ("salesforce", "postgres", "none")

_Key = Annotated[str, typer.Argument(metavar="KEY", help="The key of the campaign's row.")]
_Pasted = Annotated[
    str, typer.Option("--sf", metavar="URL", help="The campaign's address in the browser, or its id.")
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done and leave it at that.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    campaign = typer.Typer(
        help=help_with(
            "Campaigns, and the campaigns of Salesforce whose members they share. Linking takes a token with the role admin.",
            "isthmus campaign list",
            "isthmus campaign link 17 --sf 7015g000000AbCdAAK --dry-run",
            "isthmus campaign create 18",
            "isthmus campaign unlink 17",
        ),
        short_help="Campaigns with their members.",
    )
    campaign.command("list", help="Campaigns, those without a link first.")(_list)
    campaign.command("link", help="Join a campaign with one that is in Salesforce; both are shown first.")(
        _link
    )
    campaign.command("create", help="Have a campaign made in Salesforce, with its statuses and members.")(
        _create
    )
    campaign.command("unlink", help="Part a campaign. Data stays, and nothing travels any more.")(_unlink)
    app.add_typer(campaign, name="campaign")


def _list(context: typer.Context, limit: Limit = 100) -> int:
    return show_list(context, "/campaigns", _COLUMNS, limit)


def _link(
    context: typer.Context,
    key: _Key,
    sf: _Pasted,
    take: Annotated[
        str,
        typer.Option(
            "--take",
            metavar="SIDE",
            help="Whose values the campaign itself gets: salesforce, postgres; none: the step's rules decide.",
        ),
    ] = "salesforce",
    dry_run: _DryRun = False,
) -> int:
    if take not in _TAKE:
        raise UsageError(
            f"--take {take} is not known", "it says whose values win at first", f"one of: {', '.join(_TAKE)}"
        )
    invocation = Invocation.of(context)
    client = invocation.client()
    shown = client.call("POST", "/campaigns:preview", body={"key": key, "sf_id": sf})
    _warn(invocation, shown)
    if dry_run:
        invocation.out.document(shown)
        return 0
    invocation.confirm(
        f"This links campaign {key} to {shown['sf_id']}: of its members in Salesforce ({shown['members']}), those come in"
        " who are known here, and its members here go out."
    )
    body = {"key": key, "sf_id": shown["sf_id"], "take": take}
    made = client.call("POST", "/campaigns", body=body)
    invocation.out.document(made)
    invocation.out.words(
        f"members come in with job {made['job']}; taken back by: isthmus campaign unlink {key}"
    )
    return 0


def _warn(invocation: Invocation, shown: dict[str, Any]) -> None:
    if shown.get("warning"):
        invocation.out.words(f"warning: {shown['warning']}")


def _create(context: typer.Context, key: _Key, dry_run: _DryRun = False) -> int:
    invocation = Invocation.of(context)
    client = invocation.client()
    shown = client.call("POST", "/campaigns:preview", body={"key": key})
    if dry_run:
        invocation.out.document(shown)
        return 0
    invocation.confirm(f"This makes the campaign {shown['name']} in Salesforce; its members go out after it.")
    invocation.out.document(client.call("POST", "/campaigns:create", body={"key": key}))
    return 0


def _unlink(context: typer.Context, key: _Key, dry_run: _DryRun = False) -> int:
    invocation = Invocation.of(context)
    client = invocation.client()
    path = f"/campaigns/{segment(key)}"
    shown = client.call("DELETE", path, query={"dry_run": "true"})
    if dry_run:
        invocation.out.document(shown)
        return 0
    invocation.confirm(
        f"This parts campaign {key} from {shown['sf_id']}. The data stays on both sides;"
        " neither it nor its members travel until it is linked again."
    )
    invocation.out.document(client.call("DELETE", path))
    invocation.out.words(f"taken back by: isthmus campaign link {key} --sf {shown['sf_id']}")
    return 0
