"""An org from a seed file: custom fields and objects, records, channels, and settings.

The file is YAML (or JSON, which is YAML); `_KEYS` names its keys, all optional. Records may name themselves with `_ref` and be named by others as `@name`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import orjson
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from adapters.emulator.administration import (
    add_automation,
    add_duplicates,
    add_validation,
    named,
    set_lead_mapping,
    set_permission,
    set_selection,
)
from adapters.emulator.errors import RecordRefused
from adapters.emulator.members import ANY, FLAG, MAPPING, NAME, Kind, Shape, checked, nearest, texts, whole
from adapters.emulator.org import Org
from adapters.emulator.people import generated
from adapters.emulator.schema import build
from adapters.emulator.schema.field import Field, FieldType, PicklistValue
from adapters.emulator.schema.sobject import SObject

_RULE_KEYS: Mapping[str, Callable[[Org, Mapping[str, object]], None]] = {
    "permissions": set_permission,
    "validation_rules": add_validation,
    "duplicate_rules": add_duplicates,
    "automation": add_automation,
}
_KEYS = (
    "objects", "fields", "records", "generate", "selection", "channels", "switches", "redirect_uris", "lead_mapping",
    *_RULE_KEYS,
)  # fmt: skip
_OBJECT: Shape = {
    "label": NAME,
    "label_plural": NAME,
    "key_prefix": NAME,
    "change_events": FLAG,
    "fields": MAPPING,
}
_FIELD: Shape = {
    "type": NAME,
    "label": NAME,
    "length": whole(1),
    "precision": whole(1),
    "scale": whole(0),
    "values": Kind(
        "a list of texts or numbers", lambda value: isinstance(value, list) and all(map(ANY.fits, value))
    ),
    "restricted": FLAG,
    "external_id": FLAG,
    "unique": FLAG,
    "case_sensitive": FLAG,
    "required": FLAG,
    "read_only": FLAG,
    "default": ANY,
    "to": Kind(
        "the name of an object, or a list of names",
        lambda value: NAME.fits(value) or texts("object names", empty=False).fits(value),
    ),
    "children": NAME,
}


class SeedRefused(Exception):  # noqa: N818
    """The seed file cannot be used; the message says where and why."""


def read_seed(path: Path) -> dict[str, object]:
    """The content of a seed file. Raises SeedRefused."""
    try:
        text = path.read_text("utf-8")
        content = orjson.loads(text) if path.suffix == ".json" else YAML(typ="safe", pure=True).load(text)
    except (OSError, UnicodeDecodeError, orjson.JSONDecodeError, YAMLError) as error:
        raise SeedRefused(f"{path}: cannot be read: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SeedRefused(f"{path}: the file must hold a mapping with keys out of: {', '.join(_KEYS)}")
    unknown = [str(name) for name in content if name not in _KEYS]
    if unknown:
        raise SeedRefused(f"{path}: unknown key {', '.join(unknown)}; known are: {', '.join(_KEYS)}")
    return content


def plant(org: Org, seed: Mapping[str, object]) -> None:
    """Bring the content of a seed file into an org, without events. Raises SeedRefused."""
    objects = {name: _as_mapping(spec, f"objects.{name}") for name, spec in _mapping(seed, "objects").items()}
    for name, spec in objects.items():
        _add_object(org, name, spec)
    for name, spec in objects.items():  # now that a lookup may name any of them
        place = f"objects.{name}.fields"
        add_fields(org, name, _as_mapping(spec.get("fields") or {}, place), place)
    for name, fields in _mapping(seed, "fields").items():
        add_fields(org, name, _as_mapping(fields, f"fields.{name}"))
    _set_up(org, seed)
    named_records: dict[str, str] = {}
    for name, rows in _mapping(seed, "records").items():
        if not isinstance(rows, list):
            raise SeedRefused(f"records.{name}: must be a list")
        for number, row in enumerate(rows, start=1):
            place = f"records.{name}[{number}]"
            _add_record(org, name, _as_mapping(row, place), named_records, place)
    for name, count in _mapping(seed, "generate").items():
        if not whole(0).fits(count):
            raise SeedRefused(f"generate.{name}: must be {whole(0).words}")
        try:
            org.load(name, generated(org, name, int(str(count))))
        except RecordRefused as refusal:
            raise SeedRefused(f"generate.{name}: {refusal}") from None
    _add_rules(org, seed)


def add_fields(org: Org, name: str, specs: Mapping[str, object], place: str = "") -> None:
    """Add custom fields to an object; `place` is what errors begin with, `fields.` and the object by default. Raises SeedRefused."""
    place = place or f"fields.{name}"
    try:
        sobject = named(org, name, place)
        made = [
            _field(org, field, _as_mapping(spec, f"{place}.{field}"), f"{place}.{field}")
            for field, spec in specs.items()
        ]
    except ValueError as error:
        raise SeedRefused(str(error)) from None
    org.change_schema(sobject.with_fields(*made))


def _add_object(org: Org, name: str, spec: Mapping[str, object]) -> None:
    if not name.endswith("__c"):
        raise SeedRefused(f"objects.{name}: the name of a custom object ends in __c")
    try:
        spec = checked(spec, _OBJECT, word="attribute", place=f"objects.{name}")
    except ValueError as error:
        raise SeedRefused(str(error)) from None
    label = str(spec.get("label") or name.removesuffix("__c").replace("_", " "))
    record_name = replace(build.text("Name", 80), name_field=True, default="generated")
    org.catalog.put(
        SObject(
            name=name,
            label=label,
            label_plural=str(spec.get("label_plural") or f"{label}s"),
            key_prefix=str(spec.get("key_prefix") or org.catalog.new_custom_prefix()),
            change_events=spec.get("change_events") is not False,
            fields=(*build.system_head(), record_name, build.owner(), *build.system_tail()),
        )
    )


def _field(org: Org, name: str, given: Mapping[str, object], place: str) -> Field:
    """A custom field of its attributes. Raises ValueError."""
    if not name.endswith("__c"):
        raise ValueError(f"{place}: the name of a custom field ends in __c")
    spec = checked(given, _FIELD, word="attribute", place=place)
    kind = str(spec.get("type", "text"))
    made = _typed(name, kind, spec, place)
    names = spec.get("values")
    if isinstance(names, list):
        made = replace(made, picklist=tuple(PicklistValue(str(v), str(v)) for v in names))
    if made.type is FieldType.REFERENCE:
        children = _text_or_none(spec.get("children"))
        made = replace(made, reference_to=_targets(org, spec, place), child_relationship=children)
    elif "to" in spec:
        raise ValueError(f"{place}: to belongs to a lookup or master_detail, and the type is {kind}")
    return replace(
        made,
        label=str(spec.get("label") or name.removesuffix("__c").replace("_", " ")),
        external_id=spec.get("external_id") is True,
        unique=spec.get("unique") is True,
        case_sensitive=spec.get("case_sensitive") is True,
        nillable=spec.get("required") is not True and made.nillable,
        restricted=spec.get("restricted") is True,
        calculated=spec.get("read_only") is True,
        createable=spec.get("read_only") is not True,
        updateable=spec.get("read_only") is not True,
        default=spec["default"]
        if isinstance(spec.get("default"), str | int | float | bool)
        else made.default,  # type: ignore[arg-type]
    )


def _targets(org: Org, spec: Mapping[str, object], place: str) -> tuple[str, ...]:
    """The objects that a lookup may point at. Raises ValueError."""
    given = spec.get("to")
    if not given:
        raise ValueError(f"{place}: to is missing: it names the object that the field points at")
    return tuple(
        named(org, name, f"{place}: to").name for name in (given if isinstance(given, list) else [given])
    )


def _typed(name: str, kind: str, spec: Mapping[str, object], place: str) -> Field:
    length, precision, scale = (
        int(str(spec.get(key, default))) for key, default in (("length", 0), ("precision", 18), ("scale", 0))
    )
    size = length or 255
    made: dict[str, Field] = {
        "text": build.text(name, size),
        "textarea": build.area(name, size if length else 32_768),
        "email": build.email(name),
        "phone": build.phone(name),
        "url": build.url(name),
        "checkbox": build.flag(name),
        "number": build.number(name, precision, scale),
        "currency": build.money(name, precision, scale),
        "percent": build.percent(name, precision, scale),
        "date": build.day(name),
        "datetime": build.moment(name),
        "time": replace(build.moment(name), type=FieldType.TIME),
        "picklist": build.choice(name, ()),
        "multipicklist": build.choice(name, (), several=True),
        "lookup": build.reference(name),
        "master_detail": build.reference(name, required=True, master=True),
    }
    if kind not in made:
        raise ValueError(f"{place}: unknown type {kind}; known are {', '.join(nearest(kind, made))}")
    return made[kind]


def _add_record(
    org: Org, name: str, row: Mapping[str, object], named_records: dict[str, str], place: str
) -> None:
    values = {
        key: _seed_value(org, name, key, value, named_records, place)
        for key, value in row.items()
        if key != "_ref"
    }
    try:
        record_id = org.load(name, [values])[0]
    except RecordRefused as refusal:
        raise SeedRefused(f"{place}: {refusal}") from None
    if "_ref" in row:
        named_records[str(row["_ref"])] = record_id


def _seed_value(
    org: Org, name: str, key: str, value: object, named_records: Mapping[str, str], place: str
) -> object:
    """A value of the seed file as an API would get it: `@name` is the id of that record, a YAML date its text."""
    if not isinstance(value, str) or not value.startswith("@"):
        return value if isinstance(value, str | int | float | bool | dict | None) else str(value)
    found, sobject = named_records.get(value[1:]), org.catalog.get(name)
    field = sobject.field(key) if sobject is not None else None
    if found is None and field is not None and field.type is FieldType.REFERENCE:
        raise SeedRefused(f"{place}.{key}: no record above has _ref: {value[1:]}")
    return found if found is not None else value


def _set_up(org: Org, seed: Mapping[str, object]) -> None:
    try:
        set_selection(org, {key: seed[key] for key in ("selection", "channels") if key in seed}, "selection")
    except ValueError as error:
        raise SeedRefused(str(error)) from None
    try:
        set_lead_mapping(org, _mapping(seed, "lead_mapping"))
    except ValueError as error:
        raise SeedRefused(f"lead_mapping: {error}") from None
    for name, value in _mapping(seed, "switches").items():
        try:
            org.set_switches({name: value})
        except (ValueError, TypeError) as error:
            raise SeedRefused(f"switches.{name}: {error}") from None
    org.redirect_uris = tuple(str(item) for item in _list(seed, "redirect_uris"))


def _add_rules(org: Org, seed: Mapping[str, object]) -> None:
    """Permissions and rules, which must not stand in the way of the records that were there before them."""
    for key, add in _RULE_KEYS.items():
        for number, rule in enumerate(_list(seed, key), start=1):
            try:
                add(org, _as_mapping(rule, f"{key}[{number}]"))
            except ValueError as error:
                raise SeedRefused(f"{key}[{number}]: {error}") from None


def _mapping(seed: Mapping[str, object], key: str) -> Mapping[str, object]:
    return _as_mapping(seed.get(key) or {}, key)


def _list(seed: Mapping[str, object], key: str) -> list[object]:
    value = seed.get(key) or []
    if not isinstance(value, list):
        raise SeedRefused(f"{key}: must be a list")
    return value


def _as_mapping(value: object, place: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise SeedRefused(f"{place}: must be a mapping")
    return {str(key): item for key, item in value.items()}


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
