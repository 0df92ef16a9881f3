"""Tables that speak for another step's records: their columns become fields of that step, read with its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from daemon.domain.mapping import Field, Join, Kind, Step, ValueMap
from daemon.settings.merge import Path
from daemon.settings.models import Settings
from daemon.settings.resolution.findings import TABLES, Findings
from daemon.settings.resolution.pairs import same_family
from daemon.settings.steps import ThroughSettings


def with_joins(
    settings: Settings, steps: Sequence[Step], sources: Sequence[Step], findings: Findings
) -> list[Step]:
    """The steps, each with what the sources say of its records. A source is a step as far as its table and fields go."""
    spoken: dict[str, list[tuple[int, ThroughSettings, Step]]] = {}
    by_name = {step.name: step for step in sources}
    for index, written in enumerate(settings.steps):
        through, source = written.postgres.through, by_name.get(written.name)
        if through is not None and source is not None:
            spoken.setdefault(through.step, []).append((index, through, source))
    return [_joined(step, spoken.get(step.name, ()), findings) for step in steps]


def _joined(step: Step, spoken: Sequence[tuple[int, ThroughSettings, Step]], findings: Findings) -> Step:
    """Fields of one name are one field: whichever row is the newest gives its value."""
    sources: dict[str, list[str]] = {}
    fields: dict[str, Field] = {}
    joins: list[tuple[ThroughSettings, Step]] = []
    for index, through, source in spoken:
        if not _fits(step, source, through, ("steps", index, "postgres", "through"), findings):
            continue
        joins.append((through, source))
        for place, field in enumerate(source.fields):
            path: Path = ("steps", index, "fields", place)
            known = fields.get(field.name)
            fields[field.name] = field if known is None else _together(known, field, path, findings)
            sources.setdefault(field.name, []).append(source.name)
    if not joins:
        return step
    columns = {name: f"{'+'.join(names)}.{name}" for name, names in sources.items()}
    added = tuple(replace(field, column=columns[name], kind=Kind.TEXT) for name, field in fields.items())
    types = {**step.table.types, **dict.fromkeys(columns.values(), "text")}
    return replace(
        step,
        table=replace(step.table, types=types),
        fields=(*step.fields, *added),
        joins=tuple(
            Join(source, through.column, {columns[f.name]: str(f.column) for f in source.fields})
            for through, source in joins
        ),
    )


def _fits(step: Step, source: Step, through: ThroughSettings, at: Path, findings: Findings) -> bool:
    """Whether the source's column can hold the key of the step's row."""
    column = source.table.types.get(through.column)
    if column is None:
        what = f"{source.table.qualified} has no column {through.column}"
        findings.problem((*at, "column"), what, "name the column that holds the row's key", TABLES)
        return False
    if len(step.table.key) != 1:
        what = f"{step.table.qualified} has a key of {len(step.table.key)} columns, and rows are named by one"
        findings.problem((*at, "step"), what, "name one unique column as the key of that step", TABLES)
        return False
    key = step.table.types[step.table.key[0]]
    if not same_family(column, key):
        what = f"{through.column} is {column}, and {step.table.qualified}.{step.table.key[0]} is {key}"
        findings.problem((*at, "column"), what, f"a column of {key} fits", TABLES)
        return False
    return True


def _together(one: Field, other: Field, at: Path, findings: Findings) -> Field:
    """Two sources of one field: a word must mean the same in both, for the newest row alone is read."""
    first, second = one.values, other.values
    if (first is None) != (second is None):
        findings.problem(
            at, f"{one.name} has a map of values in one table and none in the other", "give both one"
        )
        return one
    if first is None or second is None:
        return one
    differing = [word for word, value in second.push.items() if first.push.get(word, value) != value]
    if differing or first.on_push != second.on_push:
        word = f"the word {differing[0]} stands for" if differing else "what no map names becomes"
        what = f"{word} something else in another table that speaks for {one.name}"
        findings.problem((*at, "values"), what, "give both tables the same words")
        return one
    return replace(one, values=_united(first, second))


def _united(first: ValueMap, second: ValueMap) -> ValueMap:
    pull: Mapping[str, str] = {**second.pull, **first.pull}
    return replace(first, pull=pull, push={**first.push, **second.push})
