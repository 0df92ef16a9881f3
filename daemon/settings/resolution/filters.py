"""A step's filters as conditions that the two sides can judge."""

from collections.abc import Sequence

from daemon.domain.filter import Filter, columns_named, compiled, compiled_sql, together
from daemon.domain.mapping import Field
from daemon.settings.errors import did_you_mean
from daemon.settings.filters import FilterSettings, RuleSettings, StepFilterSettings
from daemon.settings.merge import Path
from daemon.settings.models import Settings
from daemon.settings.resolution.fields import Sides
from daemon.settings.resolution.findings import FIELDS, TABLES, Findings
from daemon.settings.resolution.tables import known_column

_BARE_TYPES = frozenset(
    {"boolean", "int", "long", "double", "currency", "percent", "date", "datetime", "time"}
)


def pull_filter(settings: Settings, sides: Sides, at: Path, findings: Findings) -> Filter | None:
    """The condition on records that come in, in SOQL; None where every record does."""
    wanted = sides.step.pull.filter
    if wanted is None:
        return None
    place: Path = (*at, "pull", "filter")
    found, place = _written(settings, wanted, place)
    if found is None:
        return None
    if found.soql is not None:
        condition: str | None = found.soql
    else:
        rules = [_soql(sides, rule, (*place, "rules", n), findings) for n, rule in enumerate(found.rules)]
        condition = together([rule for rule in rules if rule is not None]) if all(rules) else None
    return None if condition is None else _filter(settings, condition, (), place)


def push_filter(
    settings: Settings,
    sides: Sides,
    key: Sequence[str],
    fields: Sequence[Field],
    at: Path,
    findings: Findings,
) -> Filter | None:
    """The condition on rows that go out, in SQL; None where every row does. `key` are the columns that name a row."""
    wanted = sides.step.push.filter
    if wanted is None or wanted.saved == "all":
        return None
    place: Path = (*at, "push", "filter")
    found, place = _written(settings, wanted, place)
    condition = (
        _standard(sides, wanted, fields, place, findings)
        if found is None
        else _sql(sides, found, key, place, findings)
    )
    if condition is None:
        return None
    known = tuple(column.name for column in sides.table.columns.values() if column.selectable)
    whole = found is not None and found.view is not None
    columns = known if whole else columns_named(condition, sides.table.name, known)
    return _filter(settings, condition, columns, place)


def _written(
    settings: Settings, wanted: StepFilterSettings, place: Path
) -> tuple[FilterSettings | None, Path]:
    """The condition that a step means, and where it is written; None for one that no configuration writes."""
    if wanted.saved is None:
        return wanted, place
    return settings.filters.get(wanted.saved), (
        "filters",
        wanted.saved,
    ) if wanted.saved in settings.filters else place


def _filter(settings: Settings, condition: str, columns: tuple[str, ...], place: Path) -> Filter:
    return Filter(condition, columns, str(settings.origin(place)), settings.spoken(place))


def _soql(sides: Sides, rule: RuleSettings, at: Path, findings: Findings) -> str | None:
    described = sides.object.fields.get(rule.field)
    if described is None:
        what = f"{sides.object.name} has no field {rule.field} for this user"
        findings.problem((*at, "field"), what, did_you_mean(rule.field, sides.object.fields), FIELDS)
        return None
    if not described.filterable:
        what = f"Salesforce cannot filter by {rule.field}"
        findings.problem((*at, "field"), what, "name another field", FIELDS)
        return None
    try:
        return compiled(described.name, rule.operator, rule.value, quoted=described.type not in _BARE_TYPES)
    except ValueError as error:
        findings.problem((*at, "value"), str(error), f"{described.name} is a {described.type}", FIELDS)
        return None


def _sql(
    sides: Sides, found: FilterSettings, key: Sequence[str], place: Path, findings: Findings
) -> str | None:
    if found.sql is not None:
        return found.sql
    if found.view is not None:
        row = quoted(sides.table.name)
        same = " AND ".join(f'"isthmus:filter".{quoted(column)} = {row}.{quoted(column)}' for column in key)
        view = ".".join(quoted(part) for part in found.view.split("."))
        return f'EXISTS (SELECT FROM {view} AS "isthmus:filter" WHERE {same})'
    known = [
        known_column(sides.table, rule.field, (*place, "rules", n, "field"), findings)
        for n, rule in enumerate(found.rules)
    ]
    if not all(known):
        return None
    return together([compiled_sql(quoted(rule.field), rule.operator, rule.value) for rule in found.rules])


def _standard(
    sides: Sides, wanted: StepFilterSettings, fields: Sequence[Field], place: Path, findings: Findings
) -> str | None:
    """A saved filter that needs no writing down."""
    if wanted.saved == "with_email":
        mapped = next((field.column for field in fields if field.name == "Email"), None)
        column = mapped or ("email" if "email" in sides.table.columns else None)
        if column is None:
            what = "with_email needs a column that Email is mapped to, or one called email"
            findings.problem((*place, "saved"), what, "map it, or write { sql: CONDITION }", TABLES)
            return None
        return f"{quoted(column)} <> ''"
    column = sides.step.postgres.updated_at
    if column is None:
        what = "recently_changed needs to know when a row was changed"
        findings.problem((*place, "saved"), what, "write postgres: { updated_at: COLUMN }", TABLES)
        return None
    return f"{quoted(column)} > now() - interval '30 days'"


def quoted(name: str) -> str:
    """An identifier as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
