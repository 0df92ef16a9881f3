"""What an administrator sets up in an org: permissions and rules, read from the words of a seed file or of the control API.

Every function takes the org and one mapping, and raises ValueError for what makes no sense.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from adapters.emulator.org import Org
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.permissions import EVERYONE, Ability
from adapters.emulator.store.rules import AutomationRule, DuplicateRule, ValidationRule

_ABILITIES = {
    "readable": Ability.READ,
    "createable": Ability.CREATE,
    "editable": Ability.EDIT,
    "deletable": Ability.DELETE,
    "view_all": Ability.VIEW_ALL,
}


def set_permission(org: Org, given: Mapping[str, object]) -> None:
    """`object`, then either `field` with `readable` and `editable`, or what may be done with the object's records.

    `user` is a user name or id; without it the rule is for everybody. What is not said is allowed.
    """
    sobject = _sobject(org, given)
    user = _user(org, str(given.get("user") or EVERYONE))
    abilities = {ability for word, ability in _ABILITIES.items() if given.get(word) is not False}
    if "field" in given:
        readable, editable = Ability.READ in abilities, Ability.EDIT in abilities
        name = _field(sobject, given.get("field"))
        org.records.permissions.set_field(user, sobject.name, name, readable=readable, editable=editable)
    else:
        org.records.permissions.set_object(user, sobject.name, abilities)
    org.schema_changes()


def add_validation(org: Org, given: Mapping[str, object]) -> None:
    """`object`, `field`, and the `value` or `pattern` that is refused with `message`."""
    sobject = _sobject(org, given)
    forbidden = given.get("value")
    pattern = f"^{re.escape(str(forbidden))}$" if forbidden is not None else _text(given, "pattern")
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"pattern is no regular expression: {error}") from None
    message = str(given.get("message") or "The value is not allowed")
    rule = ValidationRule(sobject.name, _field(sobject, given.get("field")), compiled, message)
    org.records.rules.add_validation(rule)


def add_duplicates(org: Org, given: Mapping[str, object]) -> None:
    """`object`, the `fields` that make two records alike, and the `action`: `alert` (the default) or `block`."""
    sobject = _sobject(org, given)
    names = given.get("fields")
    if not isinstance(names, list) or not names:
        raise ValueError("fields must be a list of field names")
    action = given.get("action", "alert")
    if action not in {"alert", "block"}:
        raise ValueError("action is alert or block")
    message = str(given.get("message") or "Use one of these records?")
    fields = tuple(_field(sobject, name) for name in names)
    org.records.rules.add_duplicates(DuplicateRule(sobject.name, fields, action == "block", message))


def add_automation(org: Org, given: Mapping[str, object]) -> None:
    """`object`, and the `field` that each save sets from `template`, in which `{Name}` stands for another field."""
    sobject = _sobject(org, given)
    rule = AutomationRule(sobject.name, _field(sobject, given.get("field")), _text(given, "template"))
    org.records.rules.add_automation(rule)


def _sobject(org: Org, given: Mapping[str, object]) -> SObject:
    sobject = org.catalog.get(str(given.get("object") or ""))
    if sobject is None:
        raise ValueError(f"there is no object {given.get('object')}")
    return sobject


def _user(org: Org, given: str) -> str:
    """The id of a user given by name or id, or `*`."""
    found = org.sole_user(given) or given
    if found != EVERYONE and found not in org.records.table(org.records.sobject("User")).live:
        raise ValueError(f"there is no user {given}")
    return found


def _field(sobject: SObject, name: object) -> str:
    field = sobject.field(str(name))
    if field is None:
        raise ValueError(f"{sobject.name} has no field {name}")
    return field.name


def _text(given: Mapping[str, object], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a text")
    return value
