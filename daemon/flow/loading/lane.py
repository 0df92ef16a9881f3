"""Which steps, and which of their records, may be settled set-wise."""

from collections.abc import Mapping
from typing import Final

from daemon.domain.mapping import Field, IdentifyKind, Kind, Step

_TEXTS: Final = frozenset({"text", "character varying"})
_WHOLE: Final = frozenset({"smallint", "integer", "bigint"})
_EXACT: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.TEXT: _TEXTS,
    Kind.REFERENCE: _TEXTS,
    Kind.BOOLEAN: frozenset({"boolean"}),
    Kind.DATE: frozenset({"date"}),
    Kind.DATETIME: frozenset({"timestamp with time zone"}),
    Kind.TIME: frozenset({"time without time zone"}),
    Kind.SET: frozenset({"text[]"}),
}
_IDENTIFIERS: Final = _TEXTS | _WHOLE | {"uuid"}


def plain(step: Step) -> bool:
    """Whether a step's new and equal records may be settled set-wise. Its table is asked apart (`LoadStore.takes_sets`).

    A new record must become a row that says exactly what Salesforce says, so that nothing is left to weigh afterwards:

    - the step pulls, creates in PostgreSQL, and does nothing beside (`actions` are for each record);
    - every field pulls, and has a column of its own; there is no constant, and no lookup, whose row may not be there yet;
    - each column gives back the canonical value that it was given: text into text of any length limit, a number into `numeric` with no
      fewer decimals or into a whole number, an instant into one that knows its zone. `real`, `double precision`, `uuid`, `json`, `character`
      and types of the application's own do not, or not for certain;
    - a column that holds an identifier is text, a whole number or a uuid, and the table lets it be written.

    Value maps and defaults are no obstacle: values are made by the same function as on the road (`daemon.flow.loading.lens`).
    """
    return (
        step.direction.pulls
        and step.pull.creates
        and not step.actions
        and bool(step.fields)
        and all(_exact(step, field) for field in step.fields)
        and all(len(fields) == 1 for fields in step.by_column.values())
        and all(
            _bare(step.table.types[rule.column]) in _IDENTIFIERS and rule.column not in step.table.generated
            for rule in step.identify
            if rule.kind is not IdentifyKind.FIELD
        )
    )


def _exact(step: Step, field: Field) -> bool:
    if field.column is None or field.lookup is not None or not field.direction.pulls:
        return False
    spelling = step.table.types[field.column]
    if field.column in step.table.generated:
        return False
    if field.kind is Kind.NUMBER:
        return _holds_decimals(spelling, field.scale)
    return _bare(spelling) in _EXACT.get(field.kind, frozenset())


def _holds_decimals(spelling: str, scale: int | None) -> bool:
    if spelling in _WHOLE:
        return scale == 0
    if spelling == "numeric":
        return True
    if not spelling.startswith("numeric("):
        return False
    decimals = spelling.removeprefix("numeric(").removesuffix(")").partition(",")[2]
    return scale is not None and scale <= int(decimals or 0)


def _bare(spelling: str) -> str:
    """A type without its length; one that is no text keeps whatever stands in brackets, and is then not among the exact ones."""
    bare = spelling.partition("(")[0]
    return bare if bare == "character varying" else spelling
