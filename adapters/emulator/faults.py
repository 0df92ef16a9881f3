"""Faults that a test puts between the client and the org.

A fault matches requests by method, path and kind of API, a number of times or until it is removed. It can answer in the org's place, wait, never
answer, do the work and lose the answer, or refuse a part of the records of a bulk write.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.emulator.errors import RecordRefused
from adapters.emulator.members import NAME, TEXT, Kind, Shape, checked, choice, number, whole


class Action(StrEnum):
    """What a fault does."""

    ANSWER = "answer"
    LATENCY = "latency"
    HANG = "hang"
    DROP_REPLY = "drop_reply"
    REFUSE_RECORDS = "refuse_records"


def _are_headers(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values())


APIS = (
    "rows", "query", "collections", "composite", "bulk", "describe", "limits", "replication", "oauth", "cometd", "versions", "metadata",
)  # fmt: skip
"""The kinds of API that a fault can be meant for."""
_BULK_WRITES = ("collections", "bulk")
_ALWAYS: Shape = {
    "action": choice(*Action),
    "method": choice("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"),
    "path": TEXT,
    "api": choice(*APIS),
    "times": whole(1),
    "rate": number(0, 1),
}
_WORDS: Shape = {"code": NAME, "message": TEXT}
_ANSWER: Shape = {
    **_WORDS,
    "status": whole(200, 599),
    "body": TEXT,
    "content_type": NAME,
    "headers": Kind("texts by their names", _are_headers),
}
_WITH: Mapping[Action, Shape] = {
    Action.ANSWER: _ANSWER,
    Action.LATENCY: {"seconds": number(above=0)},
    Action.HANG: {"seconds": number(0)},
    Action.DROP_REPLY: {},
    Action.REFUSE_RECORDS: _WORDS,
}
"""What a fault takes besides what all of them take, by its action."""
_ALL: Shape = {name: kind for shape in (_ALWAYS, *_WITH.values()) for name, kind in shape.items()}


@dataclass(slots=True)
class Fault:
    """One fault. `times` None lasts until it is removed; `rate` is the part of the fitting requests (or records) that it hits."""

    action: Action
    method: str | None = None
    path: re.Pattern[str] | None = None
    kind: str | None = None
    times: int | None = None
    seconds: float = 0.0
    status: int = 500
    code: str = "UNKNOWN_EXCEPTION"
    message: str = "An unexpected error occurred"
    body: str | None = None
    content_type: str = "text/html;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    rate: float = 1.0
    matched: int = 0

    @classmethod
    def read(cls, given: Mapping[str, object]) -> Fault:
        """A fault from the control API's JSON. Raises ValueError for what makes no sense."""
        values = checked(given, _ALL)
        if not values.keys() & {"action", *_ANSWER}:
            raise ValueError(f"name an action, or a status; the actions are {', '.join(Action)}")
        action = Action(str(values.get("action", Action.ANSWER)))
        _agree(action, values)
        values["action"] = action
        if "path" in values:
            values["path"] = _pattern(str(values["path"]))
        if "api" in values:
            values["kind"] = values.pop("api")
        return cls(**values)  # type: ignore[arg-type]  # the types were looked at above

    def fits(self, method: str, path: str, kind: str) -> bool:
        """Whether the fault is meant for such a request."""
        return (
            (self.method is None or self.method == method)
            and (self.kind is None or self.kind == kind)
            and (self.path is None or self.path.search(path) is not None)
        )


def _agree(action: Action, values: Mapping[str, object]) -> None:
    """Refuses members that the action lacks or would not heed. Raises ValueError."""
    own = _WITH[action]
    for name in values:
        if name not in _ALWAYS and name not in own:
            raise ValueError(
                f"the action {action} does not take {name}; it takes {', '.join((*own, *_ALWAYS))}"
            )
    if action is Action.LATENCY and "seconds" not in values:
        raise ValueError("seconds is missing: the action latency must know how long to wait")
    if action is Action.REFUSE_RECORDS:
        if values.get("api", _BULK_WRITES[0]) not in _BULK_WRITES:
            raise ValueError(f"the action {action} acts on the api {' or '.join(_BULK_WRITES)}")
        if "path" in values:
            raise ValueError(
                f"the action {action} looks at records, not at a path: give api, method or neither"
            )


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"path is no regular expression: {error}") from None


class Faults:
    """The faults that are set, in the order they were set; the first that fits is used."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Set a fault."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def shown(self) -> list[dict[str, object]]:
        """The faults that are set, with how often each was used."""
        return [
            {
                "action": fault.action.value,
                "method": fault.method,
                "path": fault.path.pattern if fault.path is not None else None,
                "api": fault.kind,
                "times": fault.times,
                "rate": fault.rate,
                "matched": fault.matched,
            }
            for fault in self._faults
        ]

    def take(self, method: str, path: str, kind: str) -> Fault | None:
        """The fault for a request, counted as used; None when none fits."""
        for fault in self._faults:
            if fault.action is Action.REFUSE_RECORDS or not fault.fits(method, path, kind):
                continue
            if fault.rate >= 1 or self._rng.random() < fault.rate:
                self._count(fault)
                return fault
        return None

    def refuse_record(self, method: str, kind: str) -> None:
        """Raises RecordRefused when a fault wants this record of a bulk write refused."""
        for fault in self._faults:
            if (
                fault.action is Action.REFUSE_RECORDS
                and fault.fits(method, "", kind)
                and self._rng.random() < fault.rate
            ):
                self._count(fault)
                raise RecordRefused(fault.code, fault.message)

    def _count(self, fault: Fault) -> None:
        fault.matched += 1
        if fault.times is not None and fault.matched >= fault.times:
            self._faults.remove(fault)
