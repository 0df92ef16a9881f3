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


class Action(StrEnum):
    """What a fault does."""

    ANSWER = "answer"
    LATENCY = "latency"
    HANG = "hang"
    DROP_REPLY = "drop_reply"
    REFUSE_RECORDS = "refuse_records"


_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "times": int, "status": int, "seconds": (int, float), "rate": (int, float), "headers": Mapping,
}  # fmt: skip
"""The types of a fault's members that are not texts."""


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
        """A fault from the control API's JSON. Raises ValueError and TypeError for what makes no sense."""
        known = {"action", "method", "path", "api", "times", "seconds", "status", "code", "message", "body",
                 "content_type", "headers", "rate"}  # fmt: skip
        unknown = set(given) - known
        if unknown:
            raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}")
        rate = given.get("rate", 1.0)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise ValueError("rate must be a number from 0 to 1")
        values = {("kind" if name == "api" else name): value for name, value in given.items()}
        values["action"] = Action(str(given.get("action", Action.ANSWER)))
        for name, value in given.items():
            if not isinstance(value, _KINDS.get(name, str)) or isinstance(value, bool):
                raise TypeError(f"{name} has the wrong type")
        if not 200 <= int(str(given.get("status", 500))) <= 599:
            raise ValueError("status must be from 200 to 599")
        headers = given.get("headers", {})
        if not isinstance(headers, Mapping) or not all(isinstance(v, str) for v in headers.values()):
            raise ValueError("headers must be texts by their names")
        if "path" in given:
            try:
                values["path"] = re.compile(str(given["path"]))
            except re.error as error:
                raise ValueError(f"path is no regular expression: {error}") from None
        return cls(**values)  # type: ignore[arg-type]  # the types were looked at above

    def fits(self, method: str, path: str, kind: str) -> bool:
        """Whether the fault is meant for such a request."""
        return (
            (self.method is None or self.method == method)
            and (self.kind is None or self.kind == kind)
            and (self.path is None or self.path.search(path) is not None)
        )


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
