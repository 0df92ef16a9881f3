"""`action`: what steps do beside the sync, and what of it is still to be done."""

from typing import Annotated, Any

import typer

from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation
from daemon.cli.lists import Limit, show_list
from daemon.domain.failure import UsageError

_COLUMNS = (
    "id",
    "step",
    "action",
    "event",
    "key",
    "sf_id",
    "state",
    "attempts",
    "due",
    "code",
    "message",
    "advice",
)
_Step = Annotated[str | None, typer.Option("--step", metavar="STEP", help="Only this step.")]
_Action = Annotated[str | None, typer.Option("--action", metavar="NAME", help="Only this action.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    action = typer.Typer(
        help=help_with(
            "Actions of steps that are still to be done: webhooks on their way, and what failed.",
            "isthmus action list --step people",
            "isthmus action retry --action enrol",
            'isthmus action discard 17 --reason "the receiver was retired"',
        ),
        short_help="Actions of steps that are still to be done.",
    )
    action.command("list", help="Actions that are stored, newest first, with their last failure.")(_list)
    action.command("retry", help="Try stored actions again at once.")(_retry)
    action.command("discard", help="Forget stored actions undone.")(_discard)
    app.add_typer(action, name="action")


def _list(context: typer.Context, step: _Step = None, action: _Action = None, limit: Limit = 100) -> int:
    return show_list(context, "/actions", _COLUMNS, limit, step=step, action=action)


def _retry(
    context: typer.Context,
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[NUMBER]...", help="Ids from action list.")
    ] = None,
    step: _Step = None,
    action: _Action = None,
) -> int:
    if not (numbers or step or action):
        raise UsageError(
            "which to retry is not said",
            "no number and no filter is given",
            "add numbers, --step or --action",
        )
    body: dict[str, Any] = {"ids": numbers or [], "step": step, "action": action}
    invocation = Invocation.of(context)
    invocation.out.document(invocation.client().call("POST", "/actions:retry", body=body))
    return 0


def _discard(
    context: typer.Context,
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER...", help="Ids from action list.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why they are not wanted any more.")
    ],
) -> int:
    invocation = Invocation.of(context)
    invocation.confirm(f"This forgets {len(numbers)} actions, and they are never done.")
    body = {"ids": numbers, "reason": reason}
    invocation.out.document(invocation.client().call("POST", "/actions:discard", body=body))
    return 0
