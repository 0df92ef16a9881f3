"""`parked`: records that could not be applied and wait for a person."""

from collections import defaultdict
from typing import Annotated, Any

import typer

from daemon.cli.client import Client
from daemon.cli.faults import PARTLY
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation
from daemon.cli.lists import Limit, fetch, show_list
from daemon.domain.failure import NotFoundError, UsageError

_COLUMNS = (
    "id",
    "step",
    "direction",
    "sf_id",
    "key",
    "reason",
    "code",
    "message",
    "advice",
    "attempts",
    "since",
    "due",
)
_GROUPED = ("code", "reason", "step", "count", "oldest", "message", "advice")
_COUNTED = 10_000  # parked records are counted up to here before a retry is confirmed

_Step = Annotated[str | None, typer.Option("--step", metavar="STEP", help="Only this step.")]
_Code = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="Only this Salesforce code or SQLSTATE.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    parked = typer.Typer(
        help=help_with(
            "Records that could not be applied and wait for a person.",
            "isthmus parked list --group-by code",
            "isthmus parked show 812",
            "isthmus parked retry --code FIELD_CUSTOM_VALIDATION_EXCEPTION",
            'isthmus parked discard 812 --reason "a test record"',
        ),
        short_help="Records that wait for a person.",
    )
    parked.command("list", help="Parked records with their reason and what to do, newest first.")(_list)
    parked.command("show", help="One parked record.")(_show)
    parked.command("retry", help="Put parked records back in the queue.")(_retry)
    parked.command("discard", help="Forget parked records, with the reason.")(_discard)
    app.add_typer(parked, name="parked")


def _list(
    context: typer.Context,
    step: _Step = None,
    code: _Code = None,
    group_by: Annotated[
        str | None, typer.Option("--group-by", metavar="KEY", help="Count them by code, reason or step.")
    ] = None,
    limit: Limit = 100,
) -> int:
    if group_by is None:
        return show_list(context, "/parked", _COLUMNS, limit, step=step, code=code)
    if group_by not in ("code", "reason", "step"):
        raise UsageError(
            f"--group-by {group_by} is not known", "it counts by one key", "one of: code, reason, step"
        )
    invocation = Invocation.of(context)
    items = fetch(invocation.client(), "/parked", _COUNTED, step=step, code=code)["items"]
    groups = grouped(items, group_by)
    invocation.out.rows(groups, [group_by, *(each for each in _GROUPED if each != group_by)])
    return 0


def grouped(items: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """One row for each value of `key`, the most frequent first; what differs within a group is left out."""
    groups: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        groups[item.get(key)].append(item)
    rows = []
    for value, members in groups.items():
        same = {
            name: members[0].get(name)
            for name in ("code", "reason", "step", "message", "advice")
            if name != key and len({str(member.get(name)) for member in members}) == 1
        }
        oldest = min((str(member["since"]) for member in members if member.get("since")), default=None)
        rows.append({key: value, **same, "count": len(members), "oldest": oldest})
    return sorted(rows, key=lambda row: -row["count"])


def _show(context: typer.Context, number: Annotated[int, typer.Argument(metavar="NUMBER")]) -> int:
    invocation = Invocation.of(context)
    found = invocation.client().get(f"/parked/{number}")["items"]
    if found:
        invocation.out.document(found[0])
        return 0
    raise NotFoundError(
        f"nothing is parked under {number}", "it was applied, or never parked", "see: isthmus parked list"
    )


def _retry(
    context: typer.Context,
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[NUMBER]...", help="Ids from parked list.")
    ] = None,
    step: _Step = None,
    code: _Code = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> int:
    invocation = Invocation.of(context)
    client = invocation.client()
    body: dict[str, Any]
    if numbers:
        body, wanted, more = {"ids": numbers}, len(numbers), ""
    else:
        if not (step or code or everything):
            raise UsageError(
                "which to retry is not said",
                "no number and no filter is given",
                "add numbers, --step, --code or --all",
            )
        body = {name: value for name, value in (("step", step), ("code", code)) if value is not None}
        body = body or {"all": True}
        wanted, more = _count(client, step, code)
    invocation.confirm(f"This puts {wanted}{more} parked records back in the queue.")
    reply = client.call("POST", "/parked:retry", body=body)
    invocation.out.document(reply)
    retried = reply.get("retried", wanted) if isinstance(reply, dict) else wanted
    if numbers and retried < wanted:
        invocation.out.words(f"{wanted - retried} of them were not parked any more")
        return PARTLY
    return 0


def _discard(
    context: typer.Context,
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER...", help="Ids from parked list.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why they are not wanted any more.")
    ],
) -> int:
    invocation = Invocation.of(context)
    invocation.confirm(
        f"This forgets {len(numbers)} parked records: each stays as it is until one of its halves changes again."
    )
    body = {"ids": numbers, "reason": reason}
    reply = invocation.client().call("POST", "/parked:discard", body=body)
    invocation.out.document(reply)
    gone = reply.get("discarded", len(numbers)) if isinstance(reply, dict) else len(numbers)
    if gone < len(numbers):
        invocation.out.words(f"{len(numbers) - gone} of them were not parked any more")
        return PARTLY
    return 0


def _count(client: Client, step: str | None, code: str | None) -> tuple[int, str]:
    found = fetch(client, "/parked", _COUNTED, step=step, code=code)
    return len(found["items"]), " or more" if found["next"] is not None else ""
