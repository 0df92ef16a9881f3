"""An org from a seed file: custom fields and objects, records, channels, and settings.

The file is YAML (or JSON, which is YAML); `_KEYS` names its keys, all optional. Records may name themselves with `_ref` and be named by others as `@name`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from adapters.emulator.administration import add_automation, add_duplicates, add_validation, set_permission
from adapters.emulator.errors import RecordRefused
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
    "objects", "fields", "records", "generate", "selection", "channels", "switches", "redirect_uris", *_RULE_KEYS,
)  # fmt: skip


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
    for name, spec in _mapping(seed, "objects").items():
        _add_object(org, name, _as_mapping(spec, f"objects.{name}"))
    for name, fields in _mapping(seed, "fields").items():
        add_fields(org, name, _as_mapping(fields, f"fields.{name}"))
    _set_up(org, seed)
    named: dict[str, str] = {}
    for name, rows in _mapping(seed, "records").items():
        if not isinstance(rows, list):
            raise SeedRefused(f"records.{name}: must be a list")
        for number, row in enumerate(rows, start=1):
            _add_record(
                org, name, _as_mapping(row, f"records.{name}[{number}]"), named, f"records.{name}[{number}]"
            )
    for name, count in _mapping(seed, "generate").items():
        if not isinstance(count, int):
            raise SeedRefused(f"generate.{name}: must be a number")
        org.load(name, generated(org, name, count))
    _add_rules(org, seed)


def add_fields(org: Org, name: str, specs: Mapping[str, object]) -> None:
    """Add custom fields to an object. Raises SeedRefused."""
    sobject = org.catalog.get(name)
    if sobject is None:
        raise SeedRefused(f"fields.{name}: there is no such object")
    made = [_field(field, _as_mapping(spec, f"fields.{name}.{field}")) for field, spec in specs.items()]
    org.change_schema(sobject.with_fields(*made))


def _add_object(org: Org, name: str, spec: Mapping[str, object]) -> None:
    if not name.endswith("__c"):
        raise SeedRefused(f"objects.{name}: the name of a custom object ends in __c")
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
    add_fields(org, name, _as_mapping(spec.get("fields") or {}, f"objects.{name}.fields"))


def _field(name: str, spec: Mapping[str, object]) -> Field:
    if not name.endswith("__c"):
        raise SeedRefused(f"fields: the name of a custom field ends in __c: {name}")
    kind = str(spec.get("type") or "text")
    made = _typed(name, kind, spec)
    names = spec.get("values")
    if isinstance(names, list):
        made = replace(made, picklist=tuple(PicklistValue(str(v), str(v)) for v in names))
    target = spec.get("to")
    if kind in {"lookup", "master_detail"}:
        targets = [str(item) for item in target] if isinstance(target, list) else [str(target)]
        made = replace(
            made, reference_to=tuple(targets), child_relationship=_text_or_none(spec.get("children"))
        )
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


def _typed(name: str, kind: str, spec: Mapping[str, object]) -> Field:
    length = spec.get("length")
    size = length if isinstance(length, int) else 255
    precision, scale = spec.get("precision", 18), spec.get("scale", 0)
    if not isinstance(precision, int) or not isinstance(scale, int):
        raise SeedRefused(f"fields.{name}: precision and scale must be whole numbers")
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
        raise SeedRefused(f"fields.{name}: unknown type {kind}; known are: {', '.join(made)}")
    return made[kind]


def _add_record(org: Org, name: str, row: Mapping[str, object], named: dict[str, str], place: str) -> None:
    values = {key: _seed_value(value, named) for key, value in row.items() if key != "_ref"}
    try:
        record_id = org.load(name, [values])[0]
    except RecordRefused as refusal:
        raise SeedRefused(f"{place}: {refusal}") from None
    if "_ref" in row:
        named[str(row["_ref"])] = record_id


def _seed_value(value: object, named: Mapping[str, str]) -> object:
    """A value of the seed file as an API would get it: `@name` is the id of that record, a YAML date its text."""
    if isinstance(value, str) and value.startswith("@"):
        return named.get(value[1:], value)
    return value if isinstance(value, str | int | float | bool | dict | None) else str(value)


def _set_up(org: Org, seed: Mapping[str, object]) -> None:
    selection = seed.get("selection")
    if isinstance(selection, Sequence) and not isinstance(selection, str):
        org.selection.select([str(name) for name in selection])
    for name, members in _mapping(seed, "channels").items():
        given = _as_mapping(members, f"channels.{name}")
        org.selection.add_channel(
            name, {k: tuple(str(f) for f in v or ()) for k, v in given.items() if isinstance(v, list | None)}
        )
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
