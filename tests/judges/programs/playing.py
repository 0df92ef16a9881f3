"""What the Python programs share: the org as its announcement describes it, checks that count themselves, and the way a scenario is started.

`python -m tests.judges.programs.PROGRAM SCENARIO` reads the announcement as JSON from standard input. The checks are functions, not bare assertions, because
outside of pytest a bare assertion does not tell the values that it compared.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

_SECONDS = 15.0
_VERSION = "67.0"

_counted = 0
_direct = urllib.request.build_opener(
    urllib.request.ProxyHandler({})
)  # a proxy of the environment cannot reach the org


class Org:
    """The org under judgement. What it does itself is the doing of somebody else than the client that is played."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        self.facts = facts
        self.url = facts["url"]

    def control(self, method: str, command: str, body: object = None) -> Any:
        """A command of the control API, and its answer."""
        token = self.facts["control_token"]
        return _send(method, f"{self.facts['control_url']}/{command}", body, f"Bearer {token}")

    def create(self, sobject: str, *rows: Mapping[str, object]) -> list[str]:
        """Make records one after the other as another app would, and give their ids. The session is a new one each time."""
        token = self._token()
        url = f"{self.url}/services/data/v{_VERSION}/sobjects/{sobject}"
        return [str(_send("POST", url, row, f"Bearer {token}")["id"]) for row in rows]

    def change(self, sobject: str, record: str, values: Mapping[str, object] | None) -> None:
        """Change a record, or delete it."""
        url = f"{self.url}/services/data/v{_VERSION}/sobjects/{sobject}/{record}"
        _send("DELETE" if values is None else "PATCH", url, values, f"Bearer {self._token()}")

    def collect(self, sobject: str, rows: list[dict[str, object]]) -> list[str]:
        """Make up to 200 records in one call, and give their ids."""
        body = {"records": [{"attributes": {"type": sobject}, **row} for row in rows]}
        url = f"{self.url}/services/data/v{_VERSION}/composite/sobjects"
        return [str(made["id"]) for made in _send("POST", url, body, f"Bearer {self._token()}")]

    def _token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.facts["client_id"],
            "client_secret": self.facts["client_secret"],
        }
        data = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(f"{self.url}/services/oauth2/token", data=data, method="POST")
        with _direct.open(request, timeout=_SECONDS) as answer:
            return str(json.load(answer)["access_token"])


def same(actual: object, expected: object, what: str = "") -> None:
    """Both are equal."""
    _count(actual == expected, f"{what}\n  there is:  {actual!r}\n  should be: {expected!r}")


def holds(value: object, what: str) -> None:
    """The value is true."""
    _count(bool(value), f"not so: {what} ({value!r})")


def refused(kind: type[Exception], call: Callable[[], object]) -> Any:
    """The call raises this exception; gives it, untyped, for the clients' own types of its fields are not true."""
    try:
        answer = call()
    except kind as error:
        _count(True, "")
        return error
    raise AssertionError(f"should have raised {kind.__name__}, and gave {answer!r}")


def main(scenarios: Mapping[str, Any]) -> None:
    """Play the scenario that the command line names, out of the names of a module."""
    name = sys.argv[1]
    played = scenarios[name](Org(json.load(sys.stdin)))
    if inspect.iscoroutine(played):
        asyncio.run(_in_time(played))
    print(json.dumps({"scenario": name, "checks": _counted}))


async def _in_time(played: Any) -> None:
    async with asyncio.timeout(2 * _SECONDS):
        await played


def _count(good: bool, what: str) -> None:
    global _counted  # noqa: PLW0603 - one program plays one scenario
    if not good:
        raise AssertionError(what)
    _counted += 1


def _send(method: str, url: str, body: object, authorization: str) -> Any:
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with _direct.open(request, timeout=_SECONDS) as answer:
        raw = answer.read()
    return json.loads(raw) if raw else None
