"""Capture: the triggers that write down changes of the user's tables.

Each step has one function and four statement-level triggers on its table. What a function captures follows from the step
alone, so it can be made again at any time and compared with what is installed: its comment holds the hash of its
definition, and its body is compared letter by letter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from adapters.postgres.columns import differs, document, key_out, same_key
from adapters.postgres.documents import encode
from adapters.postgres.identifiers import filled, literal, qualified
from adapters.postgres.installing import Finding, Installation, Installed, drop_trigger, ending
from adapters.postgres.joining import JoinCapture
from adapters.postgres.owned import Guard, guards
from adapters.postgres.queries import template
from daemon.domain.mapping import Field, HeldField, Kind, Step
from daemon.ports.database import CaptureProblem

_INSTALL = "isthmus capture install"


class Capture(Installation):
    """One step's capture, as it should be."""

    prefix = "capture"
    noun = "capture"
    mark = ""
    named = ""

    @property
    def events(self) -> tuple[str, ...]:
        """Every statement that changes rows."""
        return ("insert", "update", "delete", "truncate")

    def make_body(self) -> str:
        """What the function does."""
        return _body(self.step)


def plan(steps: Sequence[Step], installed: Installed) -> list[str]:
    """The statements that bring capture to what the steps need."""
    return [statement for finding in _findings(steps, installed) for statement in finding.statements]


def check(steps: Sequence[Step], installed: Installed) -> list[CaptureProblem]:
    """What is wrong with the capture of these steps."""
    return [
        CaptureProblem(finding.step, finding.table, finding.what, f"{_INSTALL} --step {finding.step}")
        for finding in _findings(steps, installed)
    ]


def _findings(steps: Sequence[Step], installed: Installed) -> Iterator[Finding]:
    for step in _captured(steps):
        yield from Capture(step).findings(installed)
        for join in step.joins:
            yield from JoinCapture(step, join).findings(installed)
    for step in steps:
        if not step.still:
            yield from guards(step, installed)


def adaptation(steps: Sequence[Step], installed: Installed) -> list[str]:
    """The statements that make the functions that are there as these steps need them now. Triggers are left alone."""
    statements: list[str] = []
    owners = [step for step in steps if step.owned_columns and not step.still]
    captured = _captured(steps)
    joined = [JoinCapture(step, join) for step in captured for join in step.joins]
    for wanted in (*map(Capture, captured), *joined, *map(Guard, owners)):
        present = installed.functions.get(wanted.function)
        if present is not None and (present.body != wanted.body or present.comment != wanted.note):
            statements += wanted.function_statements()
    return statements


def _captured(steps: Sequence[Step]) -> list[Step]:
    """A step that only pulls has nothing to tell Salesforce (but perhaps something to put back), and one that stands still is left as it is.

    A mapping that is held goes on being captured as long as its column is there: its changes must not escape.
    """
    return [_with_held(step) for step in steps if step.is_captured and not step.still]


def _with_held(step: Step) -> Step:
    fields = list(step.fields)
    for held in step.held:  # in the order of their places, so each finds the place that it had
        if held.column is not None and held.column in step.table.types:
            stand_in = Field(held.name, held.column, Kind.TEXT, step.direction)
            fields.insert(_place(step, held, fields), stand_in)
    return replace(step, fields=tuple(fields))


def _place(step: Step, held: HeldField, fields: Sequence[Field]) -> int:
    """Where a held field stands: after as many others as the configuration has before it and that are still there."""
    gone = sum(
        other.place < held.place and (other.column is None or other.column not in step.table.types)
        for other in step.held
    )
    return min(held.place - gone, len(fields))


def removal(steps: Sequence[str], installed: Installed) -> list[str]:
    """The statements that remove the capture of these steps, or of all."""
    statements = []
    for function in installed.functions.values():
        if steps and function.step not in steps:
            continue
        statements += [drop_trigger(trigger) for trigger in installed.of(function.name)]
        statements.append(f"DROP FUNCTION {qualified('isthmus', function.name)}()")
    return statements


def _body(step: Step) -> str:
    table = step.table
    mapped = [c for c in step.own_columns if c in step.by_column or c in step.judged_columns]
    travelling = mapped + [c for c in (step.updated_at,) if c is not None and c not in mapped]
    changed = {column: differs("n", "o", column, table.types[column]) for column in travelling}
    typed = {column: table.types[column] for column in travelling}
    whole = {column: table.types[column] for column in step.own_columns}
    parts = {
        "step": literal(step.name),
        "ending": ending(step),
        "step_comment": encode(step.name),
        "new_key": key_out("n", table.key),
        "old_key": key_out("o", table.key),
        "new_row": document("n", whole),
        "old_row": document("o", whole),
        "new_changed": document("n", typed, changed),
        "old_changed": document("o", typed, changed),
        "same_key": same_key("n", "o", table.key, table.types),
        "changed": " OR ".join(changed[column] for column in mapped) or "false",
    }
    return filled(template("capture_body"), parts)
