"""Failures as problem documents (RFC 9457), with `fix` saying what to do and the exit status of the command line."""

from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from daemon.domain.failure import (
    AccessError,
    CallFailedError,
    ConfigurationError,
    IsthmusError,
    NotFoundError,
    RefusedError,
    TryLaterError,
    UnreachableError,
    UsageError,
)
from daemon.ports.store import LeaseLostError

CONTENT_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[IsthmusError], int, str], ...] = (
    (UsageError, 400, "usage"),
    (NotFoundError, 404, "not-found"),
    (RefusedError, 409, "refused"),
    (UnreachableError, 502, "unreachable"),
    (TryLaterError, 503, "try-later"),
    (AccessError, 403, "access"),
    (ConfigurationError, 500, "configuration"),
)
_EXIT_STATUS = {
    400: 2,
    401: 77,
    403: 77,
    404: 4,
    405: 2,
    408: 75,
    409: 5,
    413: 2,
    415: 2,
    502: 69,
    503: 75,
    504: 75,
}


class ProblemError(Exception):
    """A request that is refused before it reaches its endpoint."""

    def __init__(self, status: int, kind: str, title: str, detail: str, fix: str, **headers: str) -> None:
        super().__init__(title)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.fix = fix
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> web.Response:
        """The problem as a response."""
        return _document(self.status, self.kind, self.title, self.detail, self.fix, headers=self.headers)


def of_error(error: Exception) -> web.Response | None:
    """A failure that is meant to be shown; None for any other."""
    match error:
        case ProblemError():
            return error.response()
        case IsthmusError():
            return _of_isthmus(error)
        case CallFailedError():
            return _of_failed_call(error)
        case LeaseLostError():
            return _document(
                503,
                "not-leading",
                "the daemon that answers does not lead",
                "only the leader writes; this one stands by, or has just lost the lease",
                "ask the leader, which isthmus leader status names: --api URL",
            )
        case _:
            return None


def _of_isthmus(error: IsthmusError) -> web.Response:
    """The three lines as a problem."""
    status, kind = next(
        ((code, name) for type_, code, name in _STATUS if isinstance(error, type_)), (500, "defect")
    )
    return _document(status, kind, error.what, error.why, error.fix, exit_status=error.exit_status)


def _of_failed_call(error: CallFailedError) -> web.Response:
    """A failed call to Salesforce or the database, by its code."""
    failure = error.failure
    return _document(502, "call-failed", f"{failure.code}", failure.message, failure.advice)


def of_http(error: web.HTTPException) -> web.Response:
    """What aiohttp itself refuses: an unknown path, a method, a body that is too large."""
    phrase = HTTPStatus(error.status).phrase
    fixes = {
        404: "the paths are listed in the API reference",
        405: f"use {error.headers.get('Allow', 'another method')}",
        413: "send fewer items in one request",
    }
    kept = {name: value for name, value in error.headers.items() if name == "Allow"}
    kind = phrase.lower().replace(" ", "-")
    return _document(error.status, kind, phrase, error.reason, fixes.get(error.status, ""), headers=kept)


def of_defect(reference: str) -> web.Response:
    """An error of our own: nothing of its inside is shown, only the reference under which it is in the log."""
    return _document(
        500,
        "defect",
        "this request failed through a defect of isthmus",
        f"the log has it under reference {reference}",
        "report it with the lines of the log that carry the reference",
    )


def _document(
    status: int,
    kind: str,
    title: str,
    detail: str,
    fix: str,
    *,
    exit_status: int | None = None,
    headers: dict[str, str] | None = None,
) -> web.Response:
    body: dict[str, Any] = {
        "type": f"urn:isthmus:problem:{kind}",
        "title": title,
        "status": status,
        "detail": detail,
        "fix": fix,
        "exit_status": exit_status if exit_status is not None else _EXIT_STATUS.get(status, 1),
    }
    return web.Response(status=status, body=orjson.dumps(body), content_type=CONTENT_TYPE, headers=headers)
