"""What a tester changes about the org itself: schema, selection, permissions, rules and switches."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.emulator.administration import (
    add_automation,
    add_duplicates,
    add_validation,
    set_lead_mapping,
    set_permission,
    set_selection,
)
from adapters.emulator.control.commands import Body, Commands, members
from adapters.emulator.http import Call
from adapters.emulator.members import MAPPING, NAME, Shape
from adapters.emulator.org import Org
from adapters.emulator.seeding import add_fields

_FIELDS: Shape = {"object": NAME, "fields": MAPPING}


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
            ("POST", "lead-mapping"): lambda call: set_lead_mapping(self._org, call.json_object()),
            ("POST", "switches"): self._switch,
            ("GET", "switches"): lambda _call: self._org.switches.as_dict(),
            ("POST", "automation"): lambda call: add_automation(self._org, call.json_object()),
            ("POST", "validation-rules"): lambda call: add_validation(self._org, call.json_object()),
            ("POST", "duplicate-rules"): lambda call: add_duplicates(self._org, call.json_object()),
            ("DELETE", "rules"): lambda _call: self._org.records.rules.clear(),
        }

    def _select(self, call: Call) -> Body:
        set_selection(self._org, call.json_object())
        return {"objects": [sobject.name for sobject in self._org.selection.selected()]}

    def _fields(self, call: Call) -> None:
        body = members(call, _FIELDS, "object", "fields")
        specs = body["fields"]
        assert isinstance(specs, Mapping)
        add_fields(self._org, str(body["object"]), {str(name): spec for name, spec in specs.items()})

    def _switch(self, call: Call) -> Body:
        self._org.set_switches(call.json_object())
        return self._org.switches.as_dict()
