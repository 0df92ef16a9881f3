"""`connect`: which accounts both sides are reached with, and the login of a person in Salesforce."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.faults import FOUND
from daemon.cli.flags import seconds
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation
from daemon.domain.failure import UnreachableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_COLUMNS = ("side", "state", "user", "org", "address", "why", "do")
_PORT = 8479
_LONGEST = 3600.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    connect = typer.Typer(
        help=help_with(
            "Both sides, whether they let us in, and as whom; status 3 if one does not. With `salesforce`: log in there in a browser.",
            "isthmus connect",
            "isthmus connect salesforce            shows the address of the login, and waits",
            "isthmus connect salesforce --open     opens it in this machine's browser",
        ),
        short_help="Accounts of both sides; log in to Salesforce.",
        invoke_without_command=True,
    )
    connect.callback()(_connections)
    connect.command(
        "salesforce",
        help="Log in to Salesforce in a browser, once; the refresh token is kept, the password is never seen. The app must list the "
        f"callback address http://localhost:{_PORT}/callback. With the browser on another machine: ssh -L {_PORT}:127.0.0.1:{_PORT} HOST.",
    )(_salesforce)
    app.add_typer(connect, name="connect")


def _connections(context: typer.Context) -> int | None:
    if context.invoked_subcommand is not None:
        return None
    invocation = Invocation.of(context)
    rows = _told(invocation)
    invocation.out.rows(rows, [name for name in _COLUMNS if any(row[name] for row in rows)])
    return 0 if all(row["state"] == "connected" for row in rows) else FOUND


def _told(invocation: Invocation) -> "list[Mapping[str, Any]]":
    """What the daemon says, or both sides themselves where none runs."""
    from dataclasses import asdict

    from daemon.cli.composition import composition
    from daemon.runtime.runner import run_for

    try:
        items: list[Mapping[str, Any]] = invocation.client().get("/connections")["items"]
    except UnreachableError:
        if invocation.flags.api is not None:
            raise
        settings = invocation.settings()
        invocation.log_to_terminal()
        return [asdict(each) for each in run_for(lambda: composition().connections(settings))]
    return items


def _salesforce(
    context: typer.Context,
    opened: Annotated[
        bool, typer.Option("--open", help="Open the address in this machine's browser.")
    ] = False,
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", help="Where the browser's answer is heard.")
    ] = _PORT,
    wait: Annotated[str, typer.Option("--wait", metavar="DURATION", help="For the login.")] = "5m",
) -> int:
    from dataclasses import asdict

    from daemon.cli.composition import composition
    from daemon.runtime.runner import run_for

    invocation = Invocation.of(context)
    longest = seconds(wait)
    if not 0 < longest <= _LONGEST:
        raise UsageError(
            f"--wait {wait} is not allowed", "it is more than nothing, and 1 h at most", "--wait 5m"
        )
    if not 0 < port < 65536:
        raise UsageError(f"--port {port} is no port", "ports are numbers up to 65535", f"--port {_PORT}")
    settings = invocation.settings()
    invocation.log_to_terminal()

    def show(address: str) -> None:
        # asked for, so --quiet does not hide it, and standard output stays one document
        sys.stderr.write(f"open this address and log in as the integration user:\n\n  {address}\n\n")
        sys.stderr.flush()
        if opened:
            import webbrowser

            webbrowser.open(address)

    made, place = run_for(
        lambda: composition().connect_salesforce(settings, port=port, seconds=longest, show=show)
    )
    invocation.out.document({**asdict(made), "kept_in": place})
    invocation.out.words("a running daemon that waits for it begins by itself; else: isthmus run")
    return 0
