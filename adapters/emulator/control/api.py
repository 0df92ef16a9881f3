"""The resources under `/__control/`. They need the control token, not a session, and never count as API calls."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from adapters.emulator.cometd.endpoint import Streaming
from adapters.emulator.errors import RecordRefused, RequestRefused
from adapters.emulator.events.message import Draft
from adapters.emulator.faults import Fault, Faults
from adapters.emulator.http import Call, Reply
from adapters.emulator.ids import NO_RECORD
from adapters.emulator.journal import Journal
from adapters.emulator.oauth.application import Application
from adapters.emulator.oauth.sessions import Sessions
from adapters.emulator.org import Org
from adapters.emulator.seeding import SeedRefused, add_fields, set_permission
from adapters.emulator.store.rules import AutomationRule, ValidationRule

_Body: TypeAlias = dict[str, object]
_Command: TypeAlias = Callable[[Call], object]


class Control:
    """Every command takes a JSON object and answers with one."""

    def __init__(
        self,
        org: Org,
        journal: Journal,
        faults: Faults,
        sessions: Sessions,
        streaming: Streaming,
        application: Application,
        token: str,
    ) -> None:
        self._org = org
        self._journal = journal
        self._faults = faults
        self._sessions = sessions
        self._streaming = streaming
        self._application = application
        self._token = token
        self._commands: dict[tuple[str, str], _Command] = {
            ("GET", "requests"): self._requests,
            ("DELETE", "requests"): lambda _call: self._journal.clear(),
            ("POST", "faults"): lambda call: self._faults.add(Fault.read(call.json_object())),
            ("DELETE", "faults"): lambda _call: self._faults.clear(),
            ("POST", "tokens/expire"): self._expire_tokens,
            ("POST", "refresh/issue"): self._issue_refresh,
            ("POST", "refresh/revoke"): lambda _call: {"revoked": self._sessions.revoke_grants()},
            ("POST", "replay/expire"): self._expire_replay,
            ("POST", "stream/drop-sessions"): lambda _call: {"dropped": self._streaming.drop_sessions()},
            ("POST", "stream/mute"): lambda _call: self._mute(muted=True),
            ("POST", "stream/unmute"): lambda _call: self._mute(muted=False),
            ("POST", "events/inject"): self._inject,
            ("POST", "permissions"): lambda call: set_permission(self._org, call.json_object()),
            ("POST", "selection"): self._select,
            ("POST", "fields"): self._fields,
            ("POST", "convert-lead"): self._convert_lead,
            ("POST", "merge"): self._merge,
            ("POST", "undelete"): lambda call: self._org.undelete(_text(call.json_object(), "id")),
            ("POST", "switches"): self._switch,
            ("GET", "switches"): lambda _call: self._org.switches.as_dict(),
            ("POST", "automation"): self._automate,
            ("POST", "validation-rules"): self._validate,
            ("DELETE", "rules"): lambda _call: self._org.records.rules.clear(),
            ("GET", "state"): self._state,
            ("POST", "clock"): self._clock,
        }

    def handle(self, call: Call) -> Reply:
        """Answer one command: 200 with an object, 400 for what makes no sense, 401 without the token, 404 for no command."""
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            token.strip().encode(), self._token.encode()
        ):
            return Reply(401, {"error": "the control token is missing or wrong"})
        command = self._commands.get((call.method, "/".join(call.segments)))
        if command is None:
            known = ", ".join(f"{method} {path}" for method, path in self._commands)
            return Reply(404, {"error": f"no such command; there are: {known}"})
        try:
            answer = command(call)
        except (RecordRefused, RequestRefused, SeedRefused, ValueError, KeyError, TypeError) as error:
            return Reply(400, {"error": str(error)})
        return Reply(200, answer if answer is not None else {"ok": True})

    def _requests(self, call: Call) -> object:
        if call.query.get("summary"):
            return self._journal.summary()
        return {"requests": self._journal.entries()}

    def _expire_tokens(self, _call: Call) -> _Body:
        count = self._sessions.expire_all()
        self._org.log.wake()
        return {"expired": count}

    def _issue_refresh(self, _call: Call) -> _Body:
        grant = self._sessions.grant(self._org.integration_user, self._application.client_id)
        return {"refresh_token": grant.current}

    def _expire_replay(self, call: Call) -> _Body:
        body = _optional(call)
        if body.get("reset") is True:
            self._org.log.reset()
        else:
            keep = body.get("keep", 0)
            self._org.log.expire(keep if isinstance(keep, int) else 0)
        return {"retained": self._org.log.retained}

    def _mute(self, *, muted: bool) -> None:
        self._streaming.muted = muted
        self._org.log.wake()

    def _inject(self, call: Call) -> None:
        """An event that no transaction made. Without `recordIds` it is an overflow's, with `wildcard` a field conversion's."""
        body = call.json_object()
        sobject = self._org.records.sobject(_text(body, "object"))
        given = body.get("recordIds")
        record_ids = tuple(str(item) for item in given) if isinstance(given, list) else (NO_RECORD,)
        if body.get("wildcard") is True:
            record_ids = (f"{sobject.key_prefix}*",)
        fields, changed = body.get("body"), body.get("changedFields")
        made = Draft(
            sobject,
            record_ids,
            str(body.get("changeType") or "GAP_OVERFLOW"),
            tuple(str(item) for item in changed) if isinstance(changed, list) else (),
            {str(name): value for name, value in fields.items()} if isinstance(fields, Mapping) else {},
        )
        self._org.composer.inject(made, self._org.interface_caller())

    def _select(self, call: Call) -> _Body:
        body = call.json_object()
        objects, channels = body.get("objects"), body.get("channels")
        if "objects" in body:
            self._org.selection.select([str(name) for name in objects] if isinstance(objects, list) else None)
        if isinstance(channels, Mapping):
            for name, members in channels.items():
                found = {str(k): tuple(str(f) for f in v or ()) for k, v in dict(members).items()}
                self._org.selection.add_channel(str(name), found)
        return {"objects": [sobject.name for sobject in self._org.selection.selected()]}

    def _fields(self, call: Call) -> None:
        body = call.json_object()
        specs = body.get("fields")
        if not isinstance(specs, Mapping):
            raise TypeError("fields must be a mapping of names to specifications")
        add_fields(self._org, _text(body, "object"), {str(k): v for k, v in specs.items()})

    def _convert_lead(self, call: Call) -> _Body:
        body = call.json_object()
        made = self._org.convert_lead(
            _text(body, "lead"),
            account_id=_maybe(body, "account"),
            contact_id=_maybe(body, "contact"),
            opportunity_name=_maybe(body, "opportunity"),
        )
        return {"account": made.account_id, "contact": made.contact_id, "opportunity": made.opportunity_id}

    def _merge(self, call: Call) -> None:
        body = call.json_object()
        losers, overrides = body.get("losers"), body.get("values")
        if not isinstance(losers, list):
            raise TypeError("losers must be a list of record ids")
        values = {str(k): v for k, v in overrides.items()} if isinstance(overrides, Mapping) else None
        self._org.merge(_text(body, "winner"), [str(item) for item in losers], values)

    def _switch(self, call: Call) -> _Body:
        for name, value in call.json_object().items():
            self._org.switches.set(name, value)
        return self._org.switches.as_dict()

    def _automate(self, call: Call) -> None:
        body = call.json_object()
        sobject = self._org.records.sobject(_text(body, "object"))
        rule = AutomationRule(
            sobject.name, _field_name(self._org, sobject.name, body), _text(body, "template")
        )
        self._org.records.rules.add_automation(rule)

    def _validate(self, call: Call) -> None:
        body = call.json_object()
        sobject = self._org.records.sobject(_text(body, "object"))
        forbidden = _maybe(body, "value")
        pattern = f"^{re.escape(forbidden)}$" if forbidden is not None else _text(body, "pattern")
        message = _maybe(body, "message") or "The value is not allowed"
        field = _field_name(self._org, sobject.name, body)
        self._org.records.rules.add_validation(
            ValidationRule(sobject.name, field, re.compile(pattern), message)
        )

    def _state(self, call: Call) -> _Body:
        wanted = [name for name in call.query.get("objects", "").split(",") if name]
        names = wanted or [sobject.name for sobject in self._org.catalog.all()]
        return {
            "org_id": self._org.org_id,
            "now": self._org.clock.stamp(),
            "events": self._org.log.retained,
            "clients": len(self._streaming.clients),
            "parked": self._streaming.clients.parked,
            "records": {name: self._org.rows(name) for name in names},
        }

    def _clock(self, call: Call) -> _Body:
        body = call.json_object()
        seconds, at = body.get("advance"), body.get("at")
        if body.get("freeze") is True:
            self._org.clock.freeze(float(at) if isinstance(at, int | float) else None)
        if body.get("freeze") is False:
            self._org.clock.thaw()
        if isinstance(seconds, int | float):
            self._org.clock.advance(float(seconds))
        self._org.log.wake()
        return {"now": self._org.clock.stamp()}


def _optional(call: Call) -> _Body:
    return call.json_object() if call.body.strip() else {}


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a text")
    return value


def _maybe(body: Mapping[str, object], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) and value else None


def _field_name(org: Org, sobject: str, body: Mapping[str, object]) -> str:
    field = org.records.sobject(sobject).field(_text(body, "field"))
    if field is None:
        raise ValueError(f"{sobject} has no field {body.get('field')}")
    return field.name
