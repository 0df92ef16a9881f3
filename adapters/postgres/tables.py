"""The statements about one step's table, made once from templates and kept.

Statements work on sets: each input column is one array, and the rows of a batch are its positions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from adapters.postgres.columns import comparison, document, fits, into, key_out, out, staged
from adapters.postgres.identifiers import filled, key_parts, qualified, quoted
from adapters.postgres.joining import joined_value
from adapters.postgres.queries import QUERIES, template
from adapters.postgres.session import Purpose, Session
from daemon.domain.filter import Filter
from daemon.domain.mapping import Identify, Normalise, Step
from daemon.ports.store import Row

_NORMALISED = {
    Normalise.TRIM: "isthmus.trim({})",
    Normalise.LOWER: "lower({})",
    Normalise.DIGITS: "isthmus.digits({})",
    Normalise.DOMAIN: "isthmus.domain({})",
}


@dataclass(frozen=True, slots=True)
class Search:
    """A statement that looks for identifiers, and the values that it can be asked for."""

    sql: str
    values: list[str]


class TableSql:
    """One step's statements. `lockable` says whether its rows can be locked: a view's, or a read-only table's, cannot."""

    def __init__(self, step: Step, *, lockable: bool) -> None:
        self.step = step
        table = step.table
        self._types = table.types
        self._key = table.key
        self._lockable = lockable
        self._statements: dict[tuple[str, tuple[str, ...]], str] = {}
        self._shared = {
            "table": qualified(table.schema, table.name),
            "key": key_out("t", table.key),
            "columns": "".join(f", {_read(step, column)} AS c{n}" for n, column in enumerate(step.columns)),
            "eligible": _meets(step, step.push_filter),
            "routed": _meets(step, step.routed_by),
        }

    @property
    def condition(self) -> Mapping[str, str]:
        """The table, and whether a row of it meets the step's conditions, as templates take them."""
        return {
            "table": self._shared["table"],
            "eligible": f"{self._shared['eligible']} AND {self._shared['routed']}",
        }

    def row(self, record: Sequence[object], first: int = 0) -> Row:
        """The row in a statement's answer, whose key stands at position `first` and whose columns follow."""
        end = first + 1 + len(self.step.columns)
        values = zip(self.step.columns, record[first + 1 : end], strict=True)
        judged = record[end:] or (True, True)  # what was just written is not judged
        row = {name: None if v is None else str(v) for name, v in values}
        return Row(str(record[first]), row, eligible=judged[0] is True, routed=judged[1] is True)

    def key_arrays(self, keys: Sequence[str]) -> list[list[str]]:
        """Keys as one array for each key column. ValueError if one is not a key of this table."""
        parts = [key_parts(key, len(self._key)) for key in keys]
        return [[part[n] for part in parts] for n in range(len(self._key))]

    def is_key(self, key: str) -> bool:
        """Whether a text can be the key of a row of this table."""
        try:
            parts = key_parts(key, len(self._key))
        except ValueError:
            return False
        return all(fits(part, self._types[column]) for part, column in zip(parts, self._key, strict=True))

    @cached_property
    def select(self) -> str:
        """Rows by key, locked; those that another session holds are left out. Arguments: the key arrays."""
        lock = "FOR NO KEY UPDATE OF t SKIP LOCKED" if self._lockable else ""
        return self._keyed("select_rows", (), lock=lock)

    @cached_property
    def look(self) -> str:
        """Rows by key as they are committed, without a lock. Arguments: the key arrays."""
        return self._keyed("select_rows", (), lock="")

    @cached_property
    def delete(self) -> str:
        """Delete rows by key. Arguments: the key arrays."""
        return self._keyed("delete_rows", ())

    def update(self, columns: tuple[str, ...]) -> str:
        """Set these columns in rows by key. Arguments: the key arrays, then an array for each column."""
        assignments = ", ".join(
            f"{quoted(column)} = {into(f'i.v{n}', self._types[column])}" for n, column in enumerate(columns)
        )
        return self._kept(
            "update_rows", columns, lambda: self._keyed("update_rows", columns, assignments=assignments)
        )

    def insert(self, columns: tuple[str, ...]) -> str:
        """Insert rows with these columns. Arguments: an array for each column."""
        if not columns:
            return filled(template("insert_default_row"), self._shared)
        return self._kept(
            "insert_rows",
            columns,
            lambda: filled(
                template("insert_rows"),
                {
                    **self._shared,
                    **_inputs([f"v{n}" for n in range(len(columns))]),
                    "targets": ", ".join(quoted(column) for column in columns),
                    "values": ", ".join(into(f"i.v{n}", self._types[c]) for n, c in enumerate(columns)),
                },
            ),
        )

    def insert_staged(self, columns: tuple[str, ...]) -> str:
        """Insert rows with these columns from the staged portion, and all that belongs to them.

        Arguments: step, object, table, time, source; the answer is how many were written down, and how many changes go on.
        """
        return self._kept(
            "insert_staged",
            columns,
            lambda: filled(
                template("insert_staged"),
                {
                    **self._shared,
                    "targets": ", ".join(quoted(column) for column in columns),
                    "values": ", ".join(staged(f"s.c{n}", self._types[c]) for n, c in enumerate(columns)),
                },
            ),
        )

    def search(self, rule: Identify, values: Sequence[str]) -> Search:
        """Keys by identifier: value and key, at most five for each value. The argument is the array of values."""
        column_type = self._types[rule.column]
        parts = {**self._shared, "normalised": "u.value"}
        askable = [value for value in dict.fromkeys(values) if value and "\0" not in value]
        if rule.normalise:
            parts["found"] = _normalised(out("t", rule.column, column_type), rule)
            parts["normalised"] = parts["wanted"] = _normalised("u.value", rule)
        else:
            parts["found"], cast = comparison(rule.column, column_type)
            parts["wanted"] = f"u.value::{cast}"
            askable = [value for value in askable if fits(value, column_type)]
        sql = self._kept(
            "match_rows", (rule.column, *rule.normalise), lambda: filled(template("match_rows"), parts)
        )
        return Search(sql, askable)

    @cached_property
    def enqueue_unlinked(self) -> str:
        """Store a create for each row without a link. Arguments: step, table, limit; the answer is a count."""
        columns = {column: self._types[column] for column in self.step.own_columns}
        return filled(template("enqueue_unlinked"), {**self._shared, "values": document("t", columns)})

    @cached_property
    def count_rows(self) -> str:
        """How many rows there are."""
        return filled(template("count_rows"), self._shared)

    @cached_property
    def lone_rows(self) -> str:
        """Keys of rows of which nothing is known. Arguments: step, table, limit."""
        return filled(template("lone_rows"), self._shared)

    @cached_property
    def weighed_rows(self) -> str:
        """Rows without a link, why, and how many for each reason. Arguments: step, table, limit for each reason."""
        return filled(template("weighed_rows"), self._shared)

    @cached_property
    def leaving_rows(self) -> str:
        """How many linked rows do not meet the condition. Arguments: step, table, limit."""
        return filled(template("leaving_rows"), self._shared)

    @cached_property
    def unsynced_rows(self) -> str:
        """Rows that are not linked, counted by what is known of each. Arguments: step, table."""
        return filled(template("unsynced_rows"), self._shared)

    def _kept(self, name: str, columns: tuple[str, ...], make: Callable[[], str]) -> str:
        statement = self._statements.get((name, columns))
        if statement is None:
            statement = self._statements[name, columns] = make()
        return statement

    def _keyed(self, name: str, columns: Sequence[str], **parts: str) -> str:
        keys = [f"k{n}" for n in range(len(self._key))]
        on = " AND ".join(
            f"t.{quoted(column)} = {into(f'i.{name_}', self._types[column])}"
            for name_, column in zip(keys, self._key, strict=True)
        )
        inputs = _inputs(keys + [f"v{n}" for n in range(len(columns))])
        return filled(template(name), {**self._shared, **inputs, "on": on, **parts})


class Tables:
    """The statements of every step that was asked for."""

    def __init__(self) -> None:
        self._known: dict[str, TableSql] = {}

    async def of(self, session: Session, step: Step) -> TableSql:
        """One step's statements. Asks the catalogue the first time."""
        known = self._known.get(step.name)
        if known is None or known.step is not step:
            found = await session.fetch(
                Purpose.ADMIN, QUERIES["relation"], step.table.schema, step.table.name
            )
            known = TableSql(step, lockable=bool(found) and bool(found[0]["lockable"]))
            self._known[step.name] = known
        return known


def _read(step: Step, column: str) -> str:
    """A column of the row `t` as text: its table's own, or what another table says of it."""
    own = column in step.own_columns
    return out("t", column, step.table.types[column]) if own else joined_value(step, column)


def _meets(step: Step, judged: Filter | None) -> str:
    """Whether a row meets a condition. In a scope of its own, so that only the row's columns have names there; unknown is no."""
    if judged is None:
        return "true"
    row = quoted(step.table.name)
    return f"EXISTS (SELECT FROM (SELECT t.*) AS {row} WHERE ({judged.condition}\n))"


def _inputs(names: Sequence[str]) -> Mapping[str, str]:
    return {
        "inputs": ", ".join(names),
        "arrays": ", ".join(f"${n}::text[]" for n in range(1, len(names) + 1)),
    }


def _normalised(expression: str, rule: Identify) -> str:
    for normalise in rule.normalise:
        expression = _NORMALISED[normalise].format(expression)
    return expression
