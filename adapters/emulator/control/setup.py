"""What a tester changes about the org itself: schema, selection, permissions, rules and switches."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.emulator.administration import add_automation, add_duplicates, add_validation, set_permission
from adapters.emulator.control.commands import Body, Commands, text
from adapters.emulator.http import Call
from adapters.emulator.org import Org
from adapters.emulator.seeding import add_fields


class Setup:
    """The commands that an administrator's pages would offer."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def commands(self) -> Commands:
        """The commands of this family."""
        return {
            ("POST", "permissions"): lambda call: set_permission(self._org, call.json_object()),
            ("POST", "selection"): self._select,
            ("POST", "fields"): self._fields,
            ("POST", "switches"): self._switch,
            ("GET", "switches"): lambda _call: self._org.switches.as_dict(),
            ("POST", "automation"): lambda call: add_automation(self._org, call.json_object()),
            ("POST", "validation-rules"): lambda call: add_validation(self._org, call.json_object()),
            ("POST", "duplicate-rules"): lambda call: add_duplicates(self._org, call.json_object()),
            ("DELETE", "rules"): lambda _call: self._org.records.rules.clear(),
        }

    def _select(self, call: Call) -> Body:
        body = call.json_object()
        objects, channels = body.get("objects"), body.get("channels") or {}
        if not isinstance(channels, Mapping) or not isinstance(objects, list | None):
            raise TypeError(
                "objects is a list of names or null, and channels a mapping of channels to their members"
            )
        names = [self._org.records.sobject(str(name)).name for name in objects or ()]
        made = {str(channel): self._members(members) for channel, members in channels.items()}
        if "objects" in body:
            self._org.selection.select(names if objects is not None else None)
        for channel, found in made.items():
            self._org.selection.add_channel(channel, found)
        return {"objects": [sobject.name for sobject in self._org.selection.selected()]}

    def _members(self, given: object) -> dict[str, tuple[str, ...]]:
        """The objects of a channel, and the fields that enrich each."""
        if not isinstance(given, Mapping):
            raise TypeError("the members of a channel are a mapping of objects to lists of fields")
        return {
            self._org.records.sobject(str(name)).name: tuple(str(field) for field in fields or ())
            for name, fields in given.items()
        }

    def _fields(self, call: Call) -> None:
        body = call.json_object()
        specs = body.get("fields")
        if not isinstance(specs, Mapping):
            raise TypeError("fields must be a mapping of names to specifications")
        add_fields(self._org, text(body, "object"), {str(k): v for k, v in specs.items()})

    def _switch(self, call: Call) -> Body:
        self._org.set_switches(call.json_object())
        return self._org.switches.as_dict()
