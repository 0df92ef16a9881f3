"""Constants, defaults and value maps of a field, in canonical form and held against the picklist."""

from dataclasses import replace

from daemon.domain.canonical import from_salesforce
from daemon.domain.mapping import Field, Kind, OnUnmapped, Unmapped, ValueMap
from daemon.domain.value import Value
from daemon.ports.salesforce import FieldDescription
from daemon.settings.errors import suggestion
from daemon.settings.merge import Path
from daemon.settings.resolution.findings import Findings
from daemon.settings.steps import FieldSettings, ValueSettings

_WORDS = {word: OnUnmapped(word) for word in ("reject", "keep", "null", "pass")}


def with_values(
    field: Field, settings: FieldSettings, described: FieldDescription, at: Path, findings: Findings
) -> Field:
    """The field with its constant, default and value map."""
    if settings.values is not None:
        if field.kind in {Kind.TEXT, Kind.SET}:
            _picklist(field, settings.values, described, (*at, "values"), findings)
            field = replace(field, values=value_map(settings.values))
        else:
            what = f"{field.name} is a {field.kind}, and only texts and picklists are mapped by value"
            findings.problem((*at, "values"), what, "remove it")
    if settings.default is not None:
        default = _canonical(field, settings.default, (*at, "default"), findings)
        field = replace(field, default=default)
    if settings.const is not None:
        constant = _canonical(field, settings.const, (*at, "const"), findings)
        _member(field, constant, described, (*at, "const"), findings)
        field = replace(field, constant=constant)
    return field


def value_map(settings: ValueSettings) -> ValueMap:
    """A value map in both directions. Where several Salesforce values mean one, `push_choice` says which is sent."""
    push: dict[str, str] = {}
    for salesforce, postgres in settings.map.items():
        push.setdefault(postgres, salesforce)
    push.update(settings.push_choice)
    return ValueMap(
        pull=dict(settings.map),
        push=push,
        on_pull=_unmapped(settings.default.pull),
        on_push=_unmapped(settings.default.push),
    )


def _unmapped(word: str | None) -> Unmapped:
    if word is None:
        return Unmapped(OnUnmapped.NULL)
    return Unmapped(_WORDS[word]) if word in _WORDS else Unmapped(OnUnmapped.VALUE, word)


def _canonical(field: Field, raw: bool | str | tuple[str, ...], path: Path, findings: Findings) -> Value:
    if isinstance(raw, bool) and field.kind is Kind.TEXT:
        raw = "true" if raw else "false"
    if isinstance(raw, bool) is not (field.kind is Kind.BOOLEAN) or (
        isinstance(raw, tuple) and field.kind is not Kind.SET
    ):
        what = f"is no {field.kind}, which {field.name} is"
        fix = "write true or false" if field.kind is Kind.BOOLEAN else f"write a {field.kind}"
        findings.problem(path, what, fix)
        return None
    bare = replace(field, values=None, default=None, lookup=None)
    reading = from_salesforce(bare, ";".join(raw) if isinstance(raw, tuple) else raw)
    if reading.failure is not None:
        findings.problem(path, f"is no {field.kind}, which {field.name} is", f"write a {field.kind}")
    return reading.value


def _member(field: Field, value: Value, described: FieldDescription, path: Path, findings: Findings) -> None:
    if not described.restricted_picklist or not described.picklist:
        return
    for word in value if isinstance(value, tuple) else (value,):
        if isinstance(word, str) and word not in described.picklist:
            what = f"the picklist {field.name} has no value {word}"
            findings.problem(path, what, suggestion(word, described.picklist))


def _picklist(
    field: Field, values: ValueSettings, described: FieldDescription, path: Path, findings: Findings
) -> None:
    """What the map leaves out of a picklist, and what it names that the picklist does not have."""
    if not described.picklist:
        return
    missing = [value for value in described.picklist if value not in values.map]
    if missing and field.direction.pulls:
        listed = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        what = (
            f"the picklist has {listed}, which the map does not mention ({_consequence(values.default.pull)})"
        )
        findings.warning((*path, "map"), what, "add them, or set `default: { pull: … }`")
    if not field.direction.pushes:
        return
    for word in dict.fromkeys(value_map(values).push.values()):
        if word not in described.picklist:
            consequence = "Salesforce refuses it" if described.restricted_picklist else "it is added as it is"
            what = f"the picklist has no value {word} ({consequence})"
            findings.warning((*path, "map", word), what, suggestion(word, described.picklist))


def _consequence(default: str | None) -> str:
    match default:
        case "reject":
            return "such a record is parked"
        case "keep":
            return "the column keeps what it has"
        case "pass":
            return "they arrive as they are"
        case None | "null":
            return "pull gives null"
        case other:
            return f"pull gives {other}"
