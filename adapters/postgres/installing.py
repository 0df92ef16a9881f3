"""What is installed in the user's tables for a step: a function of ours and the triggers that call it.

What a function does follows from the step alone, so it can be made again at any time and compared with what is installed: its comment holds the hash of
its definition, and its body is compared letter by letter.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from adapters.postgres.columns import text_settings
from adapters.postgres.documents import decode, encode
from adapters.postgres.identifiers import dollar_quoted, filled, literal, object_name, qualified, quoted
from adapters.postgres.queries import template
from daemon.domain.mapping import Step

_EVENTS: Mapping[str, str] = {
    "insert": "REFERENCING NEW TABLE AS isthmus_new\n",
    "update": "REFERENCING OLD TABLE AS isthmus_old NEW TABLE AS isthmus_new\n",
    "delete": "REFERENCING OLD TABLE AS isthmus_old\n",
    "truncate": "",
}


def ending(step: Step) -> str:
    """How every function that captures for a step ends: it rings, and whatever went wrong never reaches the application's statement."""
    return filled(template("capture_ending"), {"step": literal(step.name)})


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


class Installation(ABC):
    """One step's function of one sort and its triggers, as they should be. `prefix` begins the function's name, `mark` is in the triggers' names,
    `noun` and `named` are what people read.
    """

    prefix: ClassVar[str]
    noun: ClassVar[str]
    mark: ClassVar[str]
    named: ClassVar[str]

    def __init__(self, step: Step) -> None:
        self.step = step
        self.function = f"{self.prefix}_{object_name(step.name)}"
        self.body = f"\n{self.make_body()}\n"
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

    @property
    @abstractmethod
    def events(self) -> tuple[str, ...]:
        """The statements that the triggers are for."""

    @abstractmethod
    def make_body(self) -> str:
        """What the function does."""

    def function_statements(self) -> tuple[str, ...]:
        """Make or replace the function."""
        name = qualified("isthmus", self.function)
        return (
            self.definition,
            f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC",
            f"COMMENT ON FUNCTION {name}() IS {literal(self.note)}",
        )

    def trigger_name(self, event: str) -> str:
        """The name of the trigger for one sort of statement."""
        return f"isthmus_{self.mark}{object_name(self.step.name)}_{event}"

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
            yield self._finding(f"the {self.noun} function is missing", *self.function_statements())
        elif present.body != self.body or present.comment != self.note:
            yield self._finding(
                f"the {self.noun} function is not as it would be made now", *self.function_statements()
            )
        triggers = {}
        for trigger in installed.of(self.function):
            if (trigger.schema, trigger.table) == (self.step.table.schema, self.step.table.name):
                triggers[trigger.name] = trigger
            else:
                other = f"{trigger.schema}.{trigger.table}"
                yield self._finding(
                    f"a {self.noun} trigger is on another table, {other}", drop_trigger(trigger)
                )
        for event in self.events:
            name = self.trigger_name(event)
            found = triggers.get(name)
            if found is None:
                yield self._finding(
                    f"the {self.named}trigger for {event} is missing", self.trigger_statement(event)
                )
            elif not found.enabled:
                enable = f"ALTER TABLE {self._table} ENABLE TRIGGER {quoted(name)}"
                yield self._finding(f"the {self.named}trigger for {event} is disabled", enable)

    def _finding(self, what: str, *statements: str) -> Finding:
        return Finding(self.step.name, self.step.table.qualified, what, statements)


def drop_trigger(trigger: InstalledTrigger) -> str:
    """Remove one trigger."""
    return f"DROP TRIGGER {quoted(trigger.name)} ON {qualified(trigger.schema, trigger.table)}"


def _types(step: Step) -> list[str]:
    return [step.table.types[column] for column in (*step.own_columns, *step.table.key)]


def _note(comment: str | None) -> dict[str, str]:
    try:
        note = decode(comment or "{}")
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}
