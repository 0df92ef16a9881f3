"""How an error is told: three lines, what failed, why, what to do; and the exit status that goes with it."""

import json
import sys
import traceback
from typing import TextIO

from daemon.cli.output import printable
from daemon.domain.failure import CallFailedError, FailureKind, IsthmusError

BUG, USAGE, FOUND, NOT_FOUND, REFUSED, PARTLY, INTERRUPTED = 1, 2, 3, 4, 5, 6, 130
"""Exit statuses; those of failures are with their classes. Above 63 they follow sysexits, for service managers."""

_CALL_STATUS = {
    FailureKind.TRANSIENT: 69,
    FailureKind.LIMITED: 75,
    FailureKind.UNKNOWN_OUTCOME: 75,
    FailureKind.PERMISSION: 77,
    FailureKind.AUTHENTICATION: 77,
    FailureKind.CONFIGURATION: 78,
    FailureKind.MISSING: NOT_FOUND,
    FailureKind.DEFECT: BUG,
}


class ToldError(IsthmusError):
    """An error that came with its own exit status: from the daemon's API, or from a failed call."""

    def __init__(self, what: str, why: str, fix: str, exit_status: int) -> None:
        super().__init__(what, why, fix)
        self.exit_status = exit_status


def explained(error: Exception) -> IsthmusError:
    """The error in three lines. One that nobody foresaw is a defect of ours, and says so."""
    if isinstance(error, IsthmusError):
        return error
    if isinstance(error, CallFailedError):
        failure = error.failure
        status = _CALL_STATUS.get(failure.kind, REFUSED)
        return ToldError(f"a call failed with {failure.code}", failure.message, failure.advice, status)
    what = f"this is a defect of isthmus: {type(error).__name__}"
    first_line = next(iter(str(error).splitlines()), "") or "no more is known"
    return ToldError(what, first_line, "run it again with --debug and report what it prints", BUG)


def tell(error: Exception, *, as_json: bool, debug: bool, stream: TextIO | None = None) -> int:
    """Write the error to standard error and give back the exit status."""
    target = stream or sys.stderr
    if debug:
        traceback.print_exception(error, file=target)
    told = explained(error)
    what, why, fix = told.lines()
    if as_json:
        problem = {"title": what, "detail": why, "fix": fix, "exit_status": told.exit_status}
        target.write(json.dumps(problem, ensure_ascii=False) + "\n")
    else:
        for label, text in (("isthmus: ", what), ("why: ", why), ("do:  ", fix)):
            target.write(label + _indented(text, len(label)) + "\n")
    return told.exit_status


def _indented(text: str, width: int) -> str:
    return ("\n" + " " * width).join(printable(line) for line in text.splitlines() or [""])
