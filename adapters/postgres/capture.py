"""Capture: the triggers that write down changes of the user's tables.

Each step has one function and four statement-level triggers on its table. What a function captures follows from the step
alone, so it can be made again at any time and compared with what is installed: its comment holds the hash of its
definition, and its body is compared letter by letter.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.postgres.columns import differs, document, key_out, same_key, text_settings
from adapters.postgres.documents import decode, encode
from adapters.postgres.identifiers import dollar_quoted, filled, literal, object_name, qualified, quoted
from adapters.postgres.queries import template
from daemon.domain.mapping import Field, HeldField, Kind, Step
from daemon.ports.database import CaptureProblem

_EVENTS: Mapping[str, str] = {
    "insert": "REFERENCING NEW TABLE AS isthmus_new\n",
    "update": "REFERENCING OLD TABLE AS isthmus_old NEW TABLE AS isthmus_new\n",
    "delete": "REFERENCING OLD TABLE AS isthmus_old\n",
    "truncate": "",
}
_INSTALL = "isthmus capture install"


@dataclass(frozen=True, slots=True)
class InstalledFunction:
    """A capture function as the catalogue has it."""

    name: str
    body: str
    comment: str | None

    @property
    def step(self) -> str | None:
        """The step that it was made for."""
        return _note(self.comment).get("step")


@dataclass(frozen=True, slots=True)
class InstalledTrigger:
    """A trigger that calls a capture function."""

    name: str
    function: str
    enabled: bool
    schema: str
    table: str


@dataclass(frozen=True, slots=True)
class Installed:
    """Everything of capture that the database holds."""

    functions: Mapping[str, InstalledFunction]
    triggers: tuple[InstalledTrigger, ...]

    def of(self, function: str) -> tuple[InstalledTrigger, ...]:
        """The triggers of one function."""
        return tuple(trigger for trigger in self.triggers if trigger.function == function)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: what, and the statements that mend it."""

    step: str
    table: str
    what: str
    statements: tuple[str, ...]


class Capture:
    """One step's function and triggers, as they should be."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.function = f"capture_{object_name(step.name)}"
        self.body = f"\n{_body(step)}\n"
        self.definition = filled(
            template("capture_function"),
            {
                "function": qualified("isthmus", self.function),
                "settings": "".join(f"{setting}\n" for setting in text_settings(_types(step))),
                "body": dollar_quoted(self.body),
            },
        )
        self.note = encode({"step": step.name, "hash": hashlib.sha256(self.definition.encode()).hexdigest()})
        self._table = qualified(step.table.schema, step.table.name)

    def function_statements(self) -> tuple[str, ...]:
        """Make or replace the function."""
        name = qualified("isthmus", self.function)
        return (
            self.definition,
            f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC",
            f"COMMENT ON FUNCTION {name}() IS {literal(self.note)}",
        )

    def trigger_name(self, event: str) -> str:
        """The name of one of the four triggers."""
        return f"isthmus_{object_name(self.step.name)}_{event}"

    def trigger_statement(self, event: str) -> str:
        """Make one trigger."""
        parts = {
            "trigger": quoted(self.trigger_name(event)),
            "event": event.upper(),
            "table": self._table,
            "referencing": _EVENTS[event],
            "function": qualified("isthmus", self.function),
        }
        return filled(template("capture_trigger"), parts)

    def findings(self, installed: Installed) -> Iterator[Finding]:
        """What is missing, switched off, or not as it would be made now; in the order in which it is to be mended."""
        present = installed.functions.get(self.function)
        if present is None:
            yield self._finding("the capture function is missing", *self.function_statements())
        elif present.body != self.body or present.comment != self.note:
            yield self._finding(
                "the capture function is not as it would be made now", *self.function_statements()
            )
        triggers = {}
        for trigger in installed.of(self.function):
            if (trigger.schema, trigger.table) == (self.step.table.schema, self.step.table.name):
                triggers[trigger.name] = trigger
            else:
                other = f"{trigger.schema}.{trigger.table}"
                yield self._finding(f"a capture trigger is on another table, {other}", drop_trigger(trigger))
        for event in _EVENTS:
            name = self.trigger_name(event)
            found = triggers.get(name)
            if found is None:
                yield self._finding(f"the trigger for {event} is missing", self.trigger_statement(event))
            elif not found.enabled:
                enable = f"ALTER TABLE {self._table} ENABLE TRIGGER {quoted(name)}"
                yield self._finding(f"the trigger for {event} is disabled", enable)

    def _finding(self, what: str, *statements: str) -> Finding:
        return Finding(self.step.name, self.step.table.qualified, what, statements)


def plan(steps: Sequence[Step], installed: Installed) -> list[str]:
    """The statements that bring capture to what the steps need."""
    findings = (finding for step in _captured(steps) for finding in Capture(step).findings(installed))
    return [statement for finding in findings for statement in finding.statements]


def check(steps: Sequence[Step], installed: Installed) -> list[CaptureProblem]:
    """What is wrong with the capture of these steps."""
    return [
        CaptureProblem(finding.step, finding.table, finding.what, f"{_INSTALL} --step {finding.step}")
        for step in _captured(steps)
        for finding in Capture(step).findings(installed)
    ]


def adaptation(steps: Sequence[Step], installed: Installed) -> list[str]:
    """The statements that make the functions that are there as these steps need them now. Triggers are left alone."""
    statements: list[str] = []
    for wanted in map(Capture, _captured(steps)):
        present = installed.functions.get(wanted.function)
        if present is not None and (present.body != wanted.body or present.comment != wanted.note):
            statements += wanted.function_statements()
    return statements


def _captured(steps: Sequence[Step]) -> list[Step]:
    """A step that only pulls has nothing to tell Salesforce, and one that stands still is left as it is.

    A mapping that is held goes on being captured as long as its column is there: its changes must not escape.
    """
    return [_with_held(step) for step in steps if step.direction.pushes and not step.still]


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


def drop_trigger(trigger: InstalledTrigger) -> str:
    """Remove one trigger."""
    return f"DROP TRIGGER {quoted(trigger.name)} ON {qualified(trigger.schema, trigger.table)}"


def _body(step: Step) -> str:
    table = step.table
    mapped = [column for column in step.columns if column in step.by_column]
    travelling = mapped + [c for c in (step.updated_at,) if c is not None and c not in mapped]
    changed = {column: differs("n", "o", column, table.types[column]) for column in travelling}
    typed = {column: table.types[column] for column in travelling}
    whole = {column: table.types[column] for column in step.columns}
    parts = {
        "step": literal(step.name),
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


def _types(step: Step) -> list[str]:
    return [step.table.types[column] for column in (*step.columns, *step.table.key)]


def _note(comment: str | None) -> dict[str, str]:
    try:
        note = decode(comment or "{}")
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}
