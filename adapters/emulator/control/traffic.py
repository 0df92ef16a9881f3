"""What happens between clients and the org: requests, faults, tokens, the stream and the clock."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.emulator.clock import parse_datetime
from adapters.emulator.cometd.endpoint import Streaming
from adapters.emulator.control.commands import Body, Commands, maybe, members
from adapters.emulator.events.message import Draft
from adapters.emulator.faults import Fault, Faults
from adapters.emulator.http import Call
from adapters.emulator.ids import NO_RECORD
from adapters.emulator.journal import Journal
from adapters.emulator.members import (
    FLAG,
    MAPPING,
    NAME,
    RECORD_IDS,
    Kind,
    Shape,
    canonical,
    choice,
    number,
    texts,
    whole,
)
from adapters.emulator.oauth.application import Application
from adapters.emulator.oauth.sessions import Sessions
from adapters.emulator.org import Org
from adapters.emulator.store.changes import ChangeKind

_LAST_INSTANT = 64_060_588_800.0
"""The beginning of the year 4000."""


_CHANGES = tuple(str(kind) for kind in ChangeKind)
_INJECTED: Shape = {
    "object": NAME,
    "changeType": choice(*_CHANGES, *(f"GAP_{kind}" for kind in _CHANGES), "GAP_OVERFLOW"),
    "recordIds": RECORD_IDS,
    "wildcard": FLAG,
    "changedFields": texts("field names"),
    "body": MAPPING,
}
_CLOCK: Shape = {
    "freeze": FLAG,
    "at": Kind(
        "seconds since 1970, or a text like 2027-01-31T12:00:00Z", lambda at: _instant(at) is not None
    ),
    "advance": number(),
}
_PURGE: Shape = {"keep": whole(0), "reset": FLAG}


def _instant(given: object) -> float | None:
    """Seconds since 1970 of a number or an ISO text, or None."""
    if isinstance(given, str):
        try:
            return float(parse_datetime(given))
        except (ValueError, OverflowError):
            return None
    return float(str(given)) if number().fits(given) else None


class Traffic:
    """The commands that watch or disturb clients."""

    def __init__(
        self,
        org: Org,
        journal: Journal,
        faults: Faults,
        sessions: Sessions,
        streaming: Streaming,
        application: Application,
    ) -> None:
        self._org = org
        self._journal = journal
        self._faults = faults
        self._sessions = sessions
        self._streaming = streaming
        self._application = application

    def commands(self) -> Commands:
        """The commands of this family."""
        return {
            ("GET", "requests"): self._requests,
            ("DELETE", "requests"): lambda _call: self._journal.clear(),
            ("GET", "faults"): lambda _call: {"faults": self._faults.shown()},
            ("POST", "faults"): lambda call: self._faults.add(Fault.read(call.json_object())),
            ("DELETE", "faults"): lambda _call: self._faults.clear(),
            ("POST", "tokens/issue"): self._issue_token,
            ("POST", "tokens/expire"): self._expire_tokens,
            ("POST", "refresh/issue"): self._issue_refresh,
            ("POST", "refresh/revoke"): lambda _call: {"revoked": self._sessions.revoke_grants()},
            ("POST", "replay/expire"): self._expire_replay,
            ("POST", "stream/drop-sessions"): lambda _call: {"dropped": self._streaming.drop_sessions()},
            ("POST", "stream/mute"): lambda _call: self._mute(muted=True),
            ("POST", "stream/unmute"): lambda _call: self._mute(muted=False),
            ("POST", "events/inject"): self._inject,
            ("POST", "clock"): self._clock,
        }

    def _requests(self, call: Call) -> object:
        if call.query.get("summary"):
            return self._journal.summary()
        return {"requests": self._journal.entries()}

    def _issue_token(self, call: Call) -> Body:
        """A session for any user of the org, the integration user when none is named."""
        username = maybe(members(call, {"username": NAME}), "username")
        user_id = self._org.sole_user(username) if username is not None else self._org.integration_user
        if user_id is None:
            raise ValueError(f"there is no active user {username}")
        session = self._sessions.issue(user_id, self._application.client_id)
        return {"access_token": session.token, "user_id": user_id}

    def _expire_tokens(self, _call: Call) -> Body:
        count = self._sessions.expire_all()
        self._org.log.wake()
        return {"expired": count}

    def _issue_refresh(self, _call: Call) -> Body:
        grant = self._sessions.grant(self._org.integration_user, self._application.client_id)
        return {"refresh_token": grant.current}

    def _expire_replay(self, call: Call) -> Body:
        body = members(call, _PURGE)
        if body.get("reset") is True:
            self._org.log.reset()
        else:
            self._org.log.expire(int(str(body.get("keep", 0))))
        return {"retained": self._org.log.retained}

    def _mute(self, *, muted: bool) -> None:
        self._streaming.muted = muted
        self._org.log.wake()

    def _inject(self, call: Call) -> None:
        """An event that no transaction made. Without `recordIds` it is an overflow's, with `wildcard` a field conversion's."""
        body = members(call, _INJECTED, "object")
        sobject = self._org.records.sobject(str(body["object"]))
        given, changed, fields = body.get("recordIds"), body.get("changedFields"), body.get("body")
        record_ids = tuple(canonical(item) for item in given) if isinstance(given, list) else (NO_RECORD,)
        if body.get("wildcard") is True:
            if given is not None:
                raise ValueError("wildcard stands for all records: give it, or recordIds")
            record_ids = (f"{sobject.key_prefix}*",)
        made = Draft(
            sobject,
            record_ids,
            str(body.get("changeType", "GAP_OVERFLOW")),
            tuple(str(item) for item in changed) if isinstance(changed, list) else (),
            {str(name): value for name, value in fields.items()} if isinstance(fields, Mapping) else {},
        )
        self._org.composer.inject(made, self._org.interface_caller())

    def _clock(self, call: Call) -> Body:
        body = members(call, _CLOCK)
        freeze, at = body.get("freeze"), _instant(body.get("at"))
        seconds = float(str(body["advance"])) if "advance" in body else None
        if at is not None and freeze is not True:
            raise ValueError("at is the instant to stop at: it goes with freeze: true")
        begin = at if at is not None else self._org.clock.now()
        if not 0 <= begin + (seconds or 0.0) <= _LAST_INSTANT:
            raise ValueError("the clock goes from 1970 to 4000")
        if freeze is True:
            self._org.clock.freeze(at)
        if freeze is False:
            self._org.clock.thaw()
        if seconds is not None:
            self._org.clock.advance(seconds)
        self._org.log.wake()
        return {"now": self._org.clock.stamp()}
