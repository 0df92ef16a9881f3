"""Which records and rows of a step take part: conditions as the configuration writes them, at a step or saved under a name."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from daemon.domain.filter import LISTED, STANDARD_FILTERS, Operator, one_condition
from daemon.domain.side import Direction
from daemon.settings.errors import suggestion
from daemon.settings.merge import Path
from daemon.settings.rule import Complaint
from daemon.settings.scalars import ColumnName, Identifier, Section, TableName, Text, as_written

RULES_MOST: Final = 50
VALUES_MOST: Final = 500


def _values(raw: Any) -> Any:
    return tuple(as_written(item) for item in raw) if isinstance(raw, list | tuple) else (as_written(raw),)


class RuleSettings(Section):
    """One condition. Several must all hold."""

    field: ColumnName
    """The Salesforce field, for records that come in; the column, for rows that go out."""
    operator: Operator
    """equals, not_equals, less_than, less_or_equal, greater_than, greater_or_equal, starts_with, ends_with, contains, in, not_in,
    includes or excludes."""
    value: Annotated[
        tuple[Text, ...],
        BeforeValidator(_values),
        Field(
            min_length=1,
            max_length=VALUES_MOST,
            json_schema_extra={"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        ),
    ]
    """The value, or a list of them for in, not_in, includes and excludes. null is no value."""


Rules = Annotated[tuple[RuleSettings, ...], Field(max_length=RULES_MOST)]


def _listed(raw: Any) -> Any:
    return {"rules": raw} if isinstance(raw, list | tuple) else raw


class FilterSettings(Section):
    """A condition in one of its forms."""

    rules: Rules = ()
    """Conditions that must all hold; the list may stand in the filter's place."""
    soql: Text | None = None
    """For records that come in: what stands after WHERE in SOQL. Salesforce judges it."""
    sql: Text | None = None
    """For rows that go out: what stands after WHERE in SQL. PostgreSQL judges it."""
    view: TableName | None = None
    """For rows that go out: a view that holds the keys of the rows that are meant."""


class StepFilterSettings(FilterSettings):
    """A step's filter: a condition of its own, or a saved one."""

    saved: Identifier | None = None
    """A filter of the section `filters`; for rows also all, with_email or recently_changed."""


Filter = Annotated[StepFilterSettings, BeforeValidator(_listed)]
Saved = Annotated[FilterSettings, BeforeValidator(_listed)]


def saved_complaints(filters: Mapping[str, FilterSettings]) -> Iterator[Complaint]:
    """What is wrong with filters that are saved under a name."""
    for name, settings in filters.items():
        at: Path = ("filters", name)
        if name in STANDARD_FILTERS:
            yield Complaint(at, f"{name} is a filter that is there already", "give it another name")
        yield from _form(settings, at)


def filter_complaints(
    settings: StepFilterSettings | None,
    filters: Mapping[str, FilterSettings],
    step: Direction,
    side: Direction,
    at: Path,
) -> Iterator[Complaint]:
    """What is wrong with a step's filter. `side` is pull for records that come in, push for rows that go out."""
    if settings is None:
        return
    runs = step.pulls if side is Direction.PULL else step.pushes
    if not runs:
        only = "pushes" if side is Direction.PULL else "pulls"
        yield Complaint(at, f"this step only {only}", f"remove it, or let the step be direction: {side}")
        return
    yield from _form(settings, at)
    if settings.saved is not None:
        yield from _saved(settings.saved, filters, side, (*at, "saved"))
        return
    wrong = ("sql", "view") if side is Direction.PULL else ("soql",)
    for key in wrong:
        if getattr(settings, key) is not None:
            fix = "write soql or rules" if side is Direction.PULL else "write sql, view or rules"
            yield Complaint((*at, key), f"{key} cannot judge what this filter is for", fix)


def _saved(
    name: str, filters: Mapping[str, FilterSettings], side: Direction, at: Path
) -> Iterator[Complaint]:
    if side is Direction.PUSH and name in STANDARD_FILTERS:
        return
    found = filters.get(name)
    if found is None:
        known = [*filters, *(STANDARD_FILTERS if side is Direction.PUSH else ())]
        yield Complaint(at, f"there is no saved filter {name}", suggestion(name, known))
    elif (found.soql is not None) if side is Direction.PUSH else (found.sql or found.view) is not None:
        other = "rows that go out" if side is Direction.PULL else "records that come in"
        yield Complaint(at, f"the saved filter {name} is for {other}", "name another one")


def _form(settings: FilterSettings, at: Path) -> Iterator[Complaint]:
    forms = [settings.rules or None, settings.soql, settings.sql, settings.view]
    forms.append(settings.saved if isinstance(settings, StepFilterSettings) else None)
    if sum(form is not None for form in forms) != 1:
        yield Complaint(
            at, "a filter is one condition in one form", "write one of rules, soql, sql, view or saved"
        )
    for key in ("soql", "sql"):
        text = getattr(settings, key)
        if text is not None and not one_condition(text, escapes=key == "soql"):
            what = "its brackets or quotes do not match, or it is empty or too long"
            yield Complaint((*at, key), what, "write what stands after WHERE, at most 4000 characters")
    for place, rule in enumerate(settings.rules):
        path: Path = (*at, "rules", place, "value")
        if len(rule.value) > 1 and rule.operator not in LISTED:
            yield Complaint(path, f"{rule.operator} takes one value", "write in, or one value")
