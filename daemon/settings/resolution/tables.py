"""The PostgreSQL side of a step: the table, what names its rows, and what may be written."""

from daemon.domain.mapping import Table
from daemon.domain.step_kinds import TableKind, behaviours, listed_kinds
from daemon.ports.database import TableDescription
from daemon.settings.errors import did_you_mean
from daemon.settings.merge import Path
from daemon.settings.resolution.findings import RIGHTS, TABLES, Findings
from daemon.settings.resolution.pairs import postgres_type
from daemon.settings.steps import StepSettings


def resolved_table(step: StepSettings, found: TableDescription, at: Path, findings: Findings) -> Table | None:
    """The table as the daemon works with it; None if it cannot."""
    place: Path = (*at, "postgres", "table")
    name = f"{found.schema}.{found.name}"
    if found.kind == "other":
        findings.problem(place, f"{name} is neither a table nor a view", listed_kinds(), TABLES)
        return None
    kind = TableKind.VIEW if found.kind == "view" else TableKind.TABLE
    if kind is TableKind.VIEW and not behaviours(step.salesforce.object, kind, step.direction):
        what = f"{name} is a view, and changes behind a view cannot be seen"
        fix = f"name the table itself, or write direction: pull; {listed_kinds()}"
        findings.problem(place, what, fix, TABLES)
        return None
    key = _key(step, found, at, findings)
    if key is None:
        return None
    _updated_at(step, found, at, findings)
    _rights(step, found, place, findings)
    return Table(
        schema=found.schema,
        name=found.name,
        key=key,
        types={column.name: column.type for column in found.columns.values()},
        generated=frozenset(c.name for c in found.columns.values() if c.generated),
        defaulted=frozenset(c.name for c in found.columns.values() if c.default),
    )


def known_column(found: TableDescription, name: str, path: Path, findings: Findings) -> bool:
    """Whether a table has a column that may be read; a problem with a suggestion if not."""
    column = found.columns.get(name)
    table = f"{found.schema}.{found.name}"
    if column is None:
        findings.problem(path, f"{table} has no column {name}", did_you_mean(name, found.columns), TABLES)
        return False
    if not column.selectable:
        fix = f"GRANT SELECT ON {table} TO the daemon's role"
        findings.problem(path, f"the daemon may not read {table}.{name}", fix, RIGHTS)
    return True


def _key(step: StepSettings, found: TableDescription, at: Path, findings: Findings) -> tuple[str, ...] | None:
    place: Path = (*at, "postgres")
    name = f"{found.schema}.{found.name}"
    key = step.postgres.key
    if key is None:
        if found.key:
            return found.key
        what = (
            f"{name} has no primary key" if found.kind != "view" else f"{name} is a view, and no key is named"
        )
        fix = "add one, or name unique columns that are never null: `key: COLUMN`"
        findings.problem((*place, "table"), what, fix, TABLES)
        return None
    known = [known_column(found, column, (*place, "key"), findings) for column in key]
    if not all(known):
        return None
    if found.kind == "view" or set(key) == set(found.key):
        return key
    if not any(set(unique) == set(key) for unique in found.unique):
        listed = ", ".join(key)
        fix = f"ALTER TABLE {name} ADD UNIQUE ({listed}), or name the primary key"
        findings.problem((*place, "key"), f"{listed} is not unique in {name}", fix, TABLES)
        return None
    nullable = [column for column in key if found.columns[column].nullable]
    if nullable:
        fix = f"ALTER TABLE {name} ALTER COLUMN {nullable[0]} SET NOT NULL"
        findings.problem((*place, "key"), f"{nullable[0]} may be null, so it names no row", fix, TABLES)
        return None
    return key


def _updated_at(step: StepSettings, found: TableDescription, at: Path, findings: Findings) -> None:
    name = step.postgres.updated_at
    place: Path = (*at, "postgres", "updated_at")
    if name is None or not known_column(found, name, place, findings):
        return
    kind = found.columns[name].type
    if postgres_type(kind).base != "timestamp with time zone":
        what = f"{name} is {kind}, which names no instant"
        findings.problem(place, what, "use a column of type timestamp with time zone", TABLES)


def _rights(step: StepSettings, found: TableDescription, place: Path, findings: Findings) -> None:
    if not step.direction.pulls:
        return
    name = f"{found.schema}.{found.name}"
    if step.pull.behaviour.creates and not found.insertable:
        fix = f"GRANT INSERT ON {name} TO the daemon's role, or write pull: {{ behaviour: update_only }}"
        findings.problem(place, f"the daemon may not insert into {name}", fix, RIGHTS)
    if not found.deletable:
        fix = f"GRANT DELETE ON {name} TO the daemon's role, or write on_delete: keep"
        findings.warning(place, f"no right to delete rows of {name}: deletes are parked", fix, RIGHTS)
