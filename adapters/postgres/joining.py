"""Tables that speak for the records of another table's rows: how their newest word is read, and how their changes are written down.

What is read is a function of what is committed, and each statement that may change it writes down a change of the row that it speaks for, in its own
transaction. So whoever settles that change reads at least what it told of.
"""

from adapters.postgres.columns import cast_type, key_out, out
from adapters.postgres.documents import encode
from adapters.postgres.identifiers import filled, literal, qualified, quoted
from adapters.postgres.installing import Finding, Installation, ending
from adapters.postgres.queries import template
from daemon.domain.mapping import Join, Step


def joined_value(step: Step, column: str) -> str:
    """What the newest row says of the row `t`, as text. Empty if none says anything, which leaves Salesforce alone."""
    words = " UNION ALL ".join(
        _words(step, join, join.columns[column]) for join in step.joins if column in join.columns
    )
    return filled(template("joined_value"), {"words": words})


def _words(step: Step, join: Join, column: str) -> str:
    source = join.source.table
    parts = {
        "value": out("s", column, source.types[column]),
        "at": quoted(str(join.source.updated_at)),
        "key": key_out("s", source.key),
        "table": qualified(source.schema, source.name),
        "person": quoted(join.person),
        "own": f"t.{quoted(step.table.key[0])}",
    }
    return filled(template("joined_word"), parts)


class JoinCapture(Installation):
    """The capture of one table that speaks for another's rows, as it should be."""

    prefix = "joined"
    noun = "capture"
    mark = "joined_"
    named = ""

    def __init__(self, step: Step, join: Join) -> None:
        self._spoken_for = step
        self._join = join
        super().__init__(join.source)

    @property
    def events(self) -> tuple[str, ...]:
        """Every statement that changes rows."""
        return ("insert", "update", "delete", "truncate")

    def make_body(self) -> str:
        """What the function does."""
        step, join, table = self._spoken_for, self._join, self._join.source.table
        person, key = quoted(join.person), step.table.key[0]
        whose = f"x.{person}::{cast_type(step.table.types[key])}::text"
        spoken = [join.person, str(join.source.updated_at), *join.columns.values()]
        texts = [key_out("x", table.key), *(out("x", column, table.types[column]) for column in spoken)]
        return filled(
            template("joined_body"),
            {
                "step": literal(step.name),
                "ending": ending(step),
                "step_comment": encode(step.name),
                "whose": whose,
                "person": f"x.{person}",
                "word": f"ROW({', '.join(texts)})::text",
                "said": f"jsonb_object(ARRAY[{', '.join(map(literal, join.columns))}]::text[], "
                f"ARRAY[{', '.join(out('x', column, table.types[column]) for column in join.columns.values())}]::text[])",
            },
        )

    def _finding(self, what: str, *statements: str) -> Finding:
        """It is mended with the step that the table speaks for."""
        found = super()._finding(what, *statements)
        return Finding(self._spoken_for.name, found.table, found.what, found.statements)
