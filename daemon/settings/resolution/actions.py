"""A step's actions, held against the tables that they write to."""

from collections.abc import Iterator, Mapping

from daemon.domain.action import Action, CallFunction, InsertRow, PostWebhook, Target, unknown_placeholder
from daemon.domain.mapping import Table
from daemon.ports.database import TableDescription
from daemon.settings.actions import FunctionAction, InsertAction, InsertSettings, direction_of
from daemon.settings.errors import did_you_mean
from daemon.settings.merge import Path
from daemon.settings.resolution.findings import CONFIG, RIGHTS, TABLES, Findings
from daemon.settings.resolution.insert_values import misfit
from daemon.settings.steps import StepSettings


def inserted_tables(step: StepSettings) -> Iterator[str]:
    """The tables that a step's actions insert into, as the configuration spells them."""
    for action in step.actions:
        if isinstance(action.do, InsertAction):
            yield action.do.insert.table


def resolved_actions(
    step: StepSettings, table: Table, tables: Mapping[str, TableDescription], at: Path, findings: Findings
) -> tuple[Action, ...]:
    """The actions as the daemon works by them; those that cannot work are told."""
    actions: list[Action] = []
    for index, action in enumerate(step.actions):
        path: Path = (*at, "actions", index, "do")
        target: Target
        if isinstance(action.do, FunctionAction):
            target = CallFunction(action.do.function)
        elif isinstance(action.do, InsertAction):
            target = _insert(action.do.insert, table, tables, (*path, "insert"), findings)
        else:
            target = PostWebhook(action.do.webhook.url)
        direction = direction_of(action, step.direction)
        actions.append(Action(action.name, target, direction, action.exclude_updated))
    return tuple(actions)


def _insert(
    insert: InsertSettings,
    table: Table,
    tables: Mapping[str, TableDescription],
    at: Path,
    findings: Findings,
) -> InsertRow:
    found = tables.get(insert.table)
    if found is None:
        what = f"there is no table {insert.table}, or the daemon's role may not see its schema"
        findings.problem(
            (*at, "table"), what, did_you_mean(insert.table, tables) or "create it first", TABLES
        )
        return InsertRow(insert.table, insert.columns)  # where the step goes on all the same, the run says so
    _columns(insert, found, table, (*at, "columns"), findings)
    name = f"{found.schema}.{found.name}"
    if not found.insertable:
        fix = f"GRANT INSERT ON {name} TO the daemon's role"
        findings.problem((*at, "table"), f"the daemon may not insert into {name}", fix, RIGHTS)
    return InsertRow(name, insert.columns)


def _columns(
    insert: InsertSettings, found: TableDescription, table: Table, at: Path, findings: Findings
) -> None:
    name = f"{found.schema}.{found.name}"
    for column, template in insert.columns.items():
        known = found.columns.get(column)
        if known is None:
            fix = did_you_mean(column, found.columns) or "name a column that it has"
            findings.problem((*at, column), f"{name} has no column {column}", fix, TABLES)
        elif known.generated:
            fix = "leave it out"
            findings.problem((*at, column), f"{name}.{column} fills itself and takes no value", fix, TABLES)
        unfilled = unknown_placeholder(template, table.key)
        if unfilled is not None:
            listed = ", ".join(f"$key.{part}" for part in table.key) if len(table.key) > 1 else "$key"
            fix = (
                f"write {listed}, $sf_id, $url, $event, $direction, $at, $object or $step; a leading $ as $$"
            )
            findings.problem((*at, column), f"nothing fills {unfilled}", fix, CONFIG)
        elif known is not None and (wanted := misfit(template, known.type, table)) is not None:
            what = f"{name}.{column} is {known.type}, and {template[:40]} is not {wanted}"
            findings.problem((*at, column), what, f"give it {wanted}, or name another column", TABLES)
    for there in found.columns.values():
        empty = not (there.nullable or there.default or there.generated)
        if empty and there.name not in insert.columns:
            what = f"{name}.{there.name} may not be null and has no default"
            findings.problem(at, what, f"give it a value: `{there.name}: …`", TABLES)
