"""The resources under `/__control/`. They need the control token, not a session, and never count as API calls."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from adapters.emulator.control.commands import Commands
from adapters.emulator.errors import RecordRefused, RequestRefused
from adapters.emulator.http import Call, Reply
from adapters.emulator.seeding import SeedRefused


class Control:
    """Finds the command of a call. Every command takes a JSON object and answers with one."""

    def __init__(self, families: Sequence[Commands], token: str) -> None:
        self._token = token
        self._commands: Commands = {
            place: command for family in families for place, command in family.items()
        }

    def handle(self, call: Call) -> Reply:
        """Answer one command: 200 with an object, 400 for what makes no sense, 401 without the token, 404 for no command,
        405 for a command of another method.
        """
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            token.strip().encode(), self._token.encode()
        ):
            return Reply(401, {"error": "the control token is missing or wrong"})
        command = self._commands.get((call.method, "/".join(call.segments)))
        if command is None:
            return self._no_command(call.method, "/".join(call.segments))
        try:
            answer = command(call)
        except (RecordRefused, RequestRefused, SeedRefused, ValueError, KeyError, TypeError) as error:
            return Reply(400, {"error": str(error)})
        return Reply(200, answer if answer is not None else {"ok": True})

    def _no_command(self, method: str, path: str) -> Reply:
        """The refusal of what is no command: by the methods that its path takes, or else with all that there are."""
        methods = [known for known, place in self._commands if place == path]
        if methods:
            error = f"{path} takes {' and '.join(methods)}, not {method}"
            return Reply(405, {"error": error}, {"Allow": ", ".join(methods)})
        known = ", ".join(f"{known} {place}" for known, place in self._commands)
        return Reply(404, {"error": f"no such command; there are: {known}"})
