"""The validator's errors in the words of this product: where, what, and what to write instead.

What was written is repeated only where a fixed word was expected, such as a direction: anything else might be a secret
in the wrong place.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from daemon.settings.errors import Problem, did_you_mean, suggestion
from daemon.settings.merge import Origins, Path
from daemon.settings.scalars import Section
from daemon.settings.secrets import WRITE_ONE

_EXPECTED: Final = {
    "bool": "must be true or false",
    "int": "must be a whole number",
    "float": "must be a number",
    "string": "must be text",
    "tuple": "must be a list",
    "list": "must be a list",
    "dict": "must be a map of keys",
    "model": "must be a map of keys",
}
_BOUNDS: Final = {
    "greater_than_equal": ("ge", "must be at least"),
    "less_than_equal": ("le", "must be at most"),
    "greater_than": ("gt", "must be more than"),
    "less_than": ("lt", "must be less than"),
}
FLOWS: Final = ("jwt", "client_credentials", "refresh_token")
_ACCOUNT: Final = (("salesforce",), ("salesforce", "auth"))
_CONNECT_FIRST: Final = (
    "connect first: make a user and an app as docs/how-to/connect-salesforce.md says, then write `salesforce.auth` with "
    f"a flow ({', '.join(FLOWS)}); with refresh_token, isthmus connect salesforce lets a person log in"
)
_WAYS: Final = ("external_id", "salesforce_id", "field")
_ACTION: Final = "write one of `function: NAME`, `insert: { table, columns }` or `webhook: { url }`"
_IDENTIFY: Final = (
    "write one of { external_id: { salesforce: …, postgres: … } }, { salesforce_id: COLUMN } "
    "or { field: { salesforce: …, postgres: … } }"
)


def problems_of(
    error: ValidationError, model: type[Section], origins: Origins, at: Path = ()
) -> list[Problem]:
    """One problem for each of the validator's errors. `at` is the path of what was validated."""
    details = [detail for detail in error.errors(include_url=False) if not _only_follows(detail)]
    return list(dict.fromkeys(_problem(detail, model, origins, at) for detail in details))


def _only_follows(detail: ErrorDetails) -> bool:
    """Whether a list counts as empty only because what it holds is wrong, which is reported by itself."""
    return detail["type"] == "too_short" and bool(detail["input"])


def _problem(detail: ErrorDetails, model: type[Section], origins: Origins, at: Path) -> Problem:
    located = _in_tree((*at, *detail["loc"]), origins)
    if detail["type"] == "union_tag_invalid":
        located = (*located, "flow")
    what, fix = _words(detail, model)
    return Problem(origins.of(located), origins.spoken(located), what, fix)


def _in_tree(loc: Path, origins: Origins) -> Path:
    """The validator's path without the names that it gives to alternatives. A missing last key stays."""
    path: Path = ()
    for part in loc[:-1]:
        if (*path, part) in origins.places:
            path = (*path, part)
    return (*path, loc[-1]) if loc and _belongs(loc, path, origins) else path


def _belongs(loc: Path, path: Path, origins: Origins) -> bool:
    """Whether the last part of a path is a key, there or missing, and no name of an alternative."""
    last = loc[-1]
    return (*path, last) in origins.places or not (last in _TAGS or last == "[key]")


_TAGS = frozenset({"text", "file", "credential", "env", *FLOWS})


def _words(detail: ErrorDetails, model: type[Section]) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    match kind:
        case "refused":
            return str(context["what"]), str(context["fix"])
        case "secret" | "identify" | "action":
            return detail["msg"], _ways(kind, detail["input"])
        case "extra_forbidden":
            key = str(detail["loc"][-1])
            return "is no key here", suggestion(key, _keys(model, detail["loc"][:-1]))
        case "missing":
            return _missing(model, detail["loc"])
        case "enum" | "literal_error":
            return _choice(detail, model)
        case "union_tag_invalid":
            return "is no flow", suggestion(
                str(context["tag"]), FLOWS, otherwise=f"allowed are: {', '.join(FLOWS)}"
            )
        case "union_tag_not_found":
            return "must say which flow", f"write `flow:` with one of {', '.join(FLOWS)}"
        case "string_pattern_mismatch":
            return "is not in the right form", f"it must match {context['pattern']}"
        case "too_short" | "string_too_short":
            return "is empty", "write at least one"
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"{words} {context[bound]}", ""
    expected = _EXPECTED.get(kind.split("_")[0])
    return expected or detail["msg"], ""


def _ways(kind: str, raw: Any) -> str:
    """What may stand where one of several is expected."""
    if kind == "identify":
        return _near_way(raw) or _IDENTIFY
    return WRITE_ONE if kind == "secret" else _ACTION


def _missing(model: type[Section], loc: Path) -> tuple[str, str]:
    if loc in _ACCOUNT:
        return "is missing, so no Salesforce account is connected", _CONNECT_FIRST
    return "is missing", _to_add(model, loc)


def _to_add(model: type[Section], loc: Path) -> str:
    for section in _sections(model, loc[:-1]):
        field = section.model_fields.get(str(loc[-1]))
        if field is not None and field.description:
            return f"add it ({field.description.rstrip('.')})"
    return "add it"


def _near_way(raw: Any) -> str:
    keys = [str(key) for key in raw] if isinstance(raw, dict) else []
    return next((near for key in keys if key not in _WAYS and (near := did_you_mean(key, _WAYS))), "")


def _choice(detail: ErrorDetails, model: type[Section]) -> tuple[str, str]:
    allowed = list(_allowed(detail, model))
    word = detail["input"]
    listed = f"allowed are: {', '.join(allowed)}"
    if not isinstance(word, str):
        return "is none of the allowed words", listed
    near = suggestion(word, allowed, otherwise=" ")
    return f"{word[:40]!r} is none of the allowed words", f"{near}, {listed}" if near.strip() else listed


def _allowed(detail: ErrorDetails, model: type[Section]) -> Iterable[str]:
    key = str(detail["loc"][-1])
    for section in _sections(model, detail["loc"][:-1]):
        if key in section.model_fields:
            words = list(_literals(section.model_fields[key].annotation))
            if words:
                return words
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [word.strip().strip("'") for word in expected.replace(" or ", ", ").split(",") if word.strip()]


def _literals(annotation: Any) -> Iterable[str]:
    if get_origin(annotation) is Literal:
        return [str(word) for word in get_args(annotation)]
    return [word for part in get_args(annotation) for word in _literals(part)]


def _keys(model: type[Section], path: Path) -> list[str]:
    return [key for section in _sections(model, path) for key in section.model_fields]


def _sections(model: type[Section], path: Path) -> list[type[Section]]:
    """The sections that may stand at the end of a path of the validator's."""
    candidates = [model]
    for part in path:
        tagged = [section for section in candidates if section.tag and section.tag == part]
        if tagged:
            candidates = tagged
        inner = [
            found
            for section in candidates
            if isinstance(part, str) and part in section.model_fields
            for found in _within(section.model_fields[part].annotation)
        ]
        candidates = inner or candidates
    return candidates


def _within(annotation: Any) -> list[type[Section]]:
    """The sections that an annotation names, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [found for part in get_args(annotation) for found in _within(part)]
