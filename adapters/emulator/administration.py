"""What an administrator sets up in an org: permissions and rules, read from the words of a seed file or of the control API.

Every function takes the org and one mapping, and raises ValueError for what makes no sense.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from adapters.emulator.members import ANY, FLAG, MAPPING, NAME, Shape, checked, choice, no_such, texts
from adapters.emulator.org import Org
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.permissions import EVERYONE, Ability, SystemPermission
from adapters.emulator.store.rules import AutomationRule, DuplicateRule, ValidationRule

_CONVERTED = ("Account", "Contact", "Opportunity")
"""What a lead becomes."""
_ABILITIES = {
    "readable": Ability.READ,
    "createable": Ability.CREATE,
    "editable": Ability.EDIT,
    "deletable": Ability.DELETE,
    "view_all": Ability.VIEW_ALL,
}

_OBJECT_RIGHTS: Shape = {"object": NAME, "user": NAME} | dict.fromkeys(_ABILITIES, FLAG)
_FIELD_RIGHTS: Shape = {"object": NAME, "field": NAME, "user": NAME, "readable": FLAG, "editable": FLAG}
_SYSTEM_RIGHTS: Shape = {
    "user": NAME, "permission": choice(*(str(each) for each in SystemPermission)), "granted": FLAG,
}  # fmt: skip
_VALIDATION: Shape = {"object": NAME, "field": NAME, "value": ANY, "pattern": NAME, "message": NAME}
_DUPLICATES: Shape = {
    "object": NAME, "fields": texts("field names", empty=False), "action": choice("alert", "block"), "message": NAME,
}  # fmt: skip
_AUTOMATION: Shape = {"object": NAME, "field": NAME, "template": NAME}


def set_permission(org: Org, given: Mapping[str, object]) -> None:
    """`object`, then either `field` with `readable` and `editable`, or what may be done with the object's records; or
    `permission`, a system permission such as `ApiEnabled`, with `granted`.

    `user` is a user name or id; without it the rule is for everybody. What is not said is allowed.
    """
    if "permission" in given:
        given = checked(given, _SYSTEM_RIGHTS, "permission")
        user = _user(org, str(given.get("user") or EVERYONE))
        permission = SystemPermission(str(given["permission"]))
        org.records.permissions.set_system(user, permission, granted=given.get("granted") is not False)
        return
    if "field" in given:
        given = checked(given, _FIELD_RIGHTS, "object", "field")
    else:
        given = checked(given, _OBJECT_RIGHTS, "object")
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
    given = checked(given, _VALIDATION, "object", "field")
    sobject = _sobject(org, given)
    forbidden = given.get("value")
    if forbidden is None and "pattern" not in given:
        raise ValueError("value or pattern is missing: name what is refused")
    pattern = f"^{re.escape(str(forbidden))}$" if forbidden is not None else str(given["pattern"])
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"pattern is no regular expression: {error}") from None
    message = str(given.get("message") or "The value is not allowed")
    rule = ValidationRule(sobject.name, _field(sobject, given.get("field")), compiled, message)
    org.records.rules.add_validation(rule)


def add_duplicates(org: Org, given: Mapping[str, object]) -> None:
    """`object`, the `fields` that make two records alike, and the `action`: `alert` (the default) or `block`."""
    given = checked(given, _DUPLICATES, "object", "fields")
    sobject = _sobject(org, given)
    names, action = given["fields"], given.get("action", "alert")
    assert isinstance(names, list)
    message = str(given.get("message") or "Use one of these records?")
    fields = tuple(_field(sobject, name) for name in names)
    org.records.rules.add_duplicates(DuplicateRule(sobject.name, fields, action == "block", message))


def add_automation(org: Org, given: Mapping[str, object]) -> None:
    """`object`, and the `field` that each save sets from `template`, in which `{Name}` stands for another field."""
    given = checked(given, _AUTOMATION, "object", "field", "template")
    sobject = _sobject(org, given)
    rule = AutomationRule(sobject.name, _field(sobject, given["field"]), str(given["template"]))
    org.records.rules.add_automation(rule)


def set_lead_mapping(org: Org, given: Mapping[str, object]) -> None:
    """Custom fields that a lead's conversion hands on, in the place of those before: by Account, Contact or Opportunity, its fields by those of the lead."""
    known = checked(given, dict.fromkeys(_CONVERTED, MAPPING))
    lead = named(org, "Lead", "object")
    org.lead_mapping = {
        target: {
            _custom_field(lead, source): _custom_field(named(org, target, "object"), to)
            for source, to in fields.items()
        }
        for target, fields in known.items()
        if isinstance(fields, Mapping)
    }


def _custom_field(sobject: SObject, name: object) -> str:
    found = _field(sobject, name)
    if not found.endswith("__c"):
        raise ValueError(f"{sobject.name}.{found} is no custom field: no mapping of leads names another")
    return found


def set_selection(org: Org, given: Mapping[str, object], key: str = "objects") -> None:
    """The objects that send change events, under `key` (null for all), and `channels` with their members: all, or nothing."""
    known = checked(given, {key: texts("object names"), "channels": MAPPING})
    chosen, channels = known.get(key), known.get("channels")
    names = [named(org, name, key).name for name in chosen] if isinstance(chosen, list) else None
    made = (
        {str(name): _channel(org, members, f"channels.{name}") for name, members in channels.items()}
        if isinstance(channels, Mapping)
        else {}
    )
    if key in given:
        org.selection.select(names)
    for name, members in made.items():
        org.selection.add_channel(name, members)


def _channel(org: Org, given: object, place: str) -> dict[str, tuple[str, ...]]:
    """The objects of a channel, and the fields that enrich each."""
    if not isinstance(given, Mapping):
        raise ValueError(f"{place} must be a mapping of objects to lists of fields")  # noqa: TRY004
    shape = {str(name): texts("field names") for name in given}
    fields = checked({str(name): names for name, names in given.items()}, shape, place=place)
    return {
        named(org, name, place).name: _enrichment(
            named(org, name, place), fields.get(name), f"{place}.{name}"
        )
        for name in shape
    }


def _enrichment(sobject: SObject, given: object, place: str) -> tuple[str, ...]:
    names = given if isinstance(given, list) else []
    for name in names:
        if sobject.field(name) is None:
            raise ValueError(f"{place}: {sobject.name} has no field {name}")
    return tuple(names)


def named(org: Org, name: object, place: str) -> SObject:
    """The object of a name in any letter case. Raises ValueError, which begins with the place."""
    sobject = org.catalog.get(str(name))
    if sobject is None:
        known = [known.name for known in org.catalog.all()]
        raise ValueError(f"{place}: {no_such('object', str(name), known)}")
    return sobject


def _sobject(org: Org, given: Mapping[str, object]) -> SObject:
    return named(org, given["object"], "object")


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
