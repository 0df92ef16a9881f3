"""A job watched to its end: a bar on a terminal, a line each ten seconds elsewhere. Whoever stops watching does not stop the job."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from daemon.cli.faults import ToldError
from daemon.cli.invocation import Invocation
from daemon.domain.failure import RefusedError

LOOK_EVERY = 0.5
LINE_EVERY = 10.0
ENDED = frozenset({"done", "failed", "cancelled"})


def watch(invocation: Invocation, job: Mapping[str, Any]) -> dict[str, Any]:
    """Look at a job until it has ended and give it back as it is then.

    Raises KeyboardInterrupt on Ctrl-C, having said that the job goes on; ToldError if the job failed, RefusedError if it was cancelled.
    """
    try:
        ended = _on_terminal(invocation, job) if _drawn(invocation) else _in_lines(invocation, job)
    except KeyboardInterrupt:
        number = job["id"]
        invocation.out.words(
            f"\njob {number} goes on; watch it with: isthmus job show {number} --watch; end it with: isthmus job cancel {number}"
        )
        raise
    return _told(ended)


def _told(job: dict[str, Any]) -> dict[str, Any]:
    if job["state"] == "failed":
        failure = job["failure"] or {}
        raise ToldError(
            f"job {job['id']} ({job['kind']} of {job['step']}) failed: {failure.get('code')}",
            str(failure.get("message")),
            str(failure.get("advice")),
            RefusedError.exit_status,
        )
    if job["state"] == "cancelled":
        raise RefusedError(
            f"job {job['id']} ({job['kind']} of {job['step']}) was cancelled",
            f"{job['cancelled_by']} asked for it, after {job['processed']} records",
            f"nothing that was done is taken back; see: isthmus job show {job['id']}",
        )
    return job


def _drawn(invocation: Invocation) -> bool:
    return sys.stderr.isatty() and not invocation.out.quiet


def _in_lines(invocation: Invocation, job: Mapping[str, Any]) -> dict[str, Any]:
    said = time.monotonic()

    def tell(now: Mapping[str, Any]) -> None:
        nonlocal said
        if time.monotonic() - said >= LINE_EVERY:
            said = time.monotonic()
            invocation.out.words(f"{now['kind']} {now['step']}: {line(now)}")

    return _followed(invocation, job, tell)


def _on_terminal(invocation: Invocation, job: Mapping[str, Any]) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True, color_system="auto" if invocation.out.color else None, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task(f"{job['kind']} {job['step']}", total=None, said=line(job))

        def tell(now: Mapping[str, Any]) -> None:
            bars.update(bar, total=now["expected"] or None, completed=now["processed"], said=line(now))

        return _followed(invocation, job, tell)


def _followed(
    invocation: Invocation, job: Mapping[str, Any], tell: Callable[[Mapping[str, Any]], None]
) -> dict[str, Any]:
    client = invocation.client()
    while True:
        now: dict[str, Any] = client.get(f"/jobs/{job['id']}")
        tell(now)
        if now["state"] in ENDED:
            return now
        time.sleep(LOOK_EVERY)


def line(job: Mapping[str, Any]) -> str:
    """How far a job has come, in one line."""
    if job["state"] == "queued":
        return "queued"
    said = f"{job['processed']:,}"
    if job["expected"]:
        said += f" of {job['expected']:,} records"
    if job["rate"]:
        said += f", {job['rate']:,.0f}/s"
    if job["seconds_left"] is not None:
        said += f", {_lasting(job['seconds_left'])} left"
    if job["failure"] is not None:
        said += f"; held up by {job['failure'].get('code')}, tried again at {job['due']}"
    return said


def _lasting(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
