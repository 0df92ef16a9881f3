"""What relates a table to a Salesforce object: steps, fields and identify rules.

These are the resolved rules that the daemon works by: defaults filled in, types of both sides known. They are made
from the configuration and from what both sides say of themselves by `daemon.settings.resolve`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Final

from daemon.domain.policy import Behaviour, ConflictRule, ConvertedLead, DeleteConflict, OnDelete
from daemon.domain.side import Direction
from daemon.domain.value import Value


class Kind(StrEnum):
    """The canonical kind of a field: one spelling for each pair of types."""

    TEXT = "text"
    BOOLEAN = "boolean"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    SET = "set"  # multi-select picklist and an array of text
    REFERENCE = "reference"  # a Salesforce record id
    JSON = "json"


class OnUnmapped(StrEnum):
    """What a value map does with a value that it does not name."""

    REJECT = "reject"  # park the record: nothing is guessed
    KEEP = "keep"  # leave the destination as it is
    NULL = "null"
    VALUE = "value"  # a given default
    PASS = "pass"  # noqa: S105 - the value itself


@dataclass(frozen=True, slots=True)
class Unmapped:
    """What happens to a value that the map does not name, in one direction."""

    action: OnUnmapped = OnUnmapped.REJECT
    value: str | None = None


@dataclass(frozen=True, slots=True)
class ValueMap:
    """Salesforce's spelling of a value against PostgreSQL's. Canonical values are in PostgreSQL's spelling."""

    pull: Mapping[str, str]  # Salesforce to PostgreSQL
    push: Mapping[str, str]  # PostgreSQL to Salesforce, one choice for each
    on_pull: Unmapped = Unmapped()
    on_push: Unmapped = Unmapped()


DEFAULT_RULE: Final = ConflictRule()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of Salesforce paired with one column (or a constant) of PostgreSQL.

    `name` is the Salesforce field's API name and the field's name in bases, views and plans. `scale` is the number of
    decimals that both sides keep; `length` the number of characters that Salesforce stores. `lookup` names the step
    whose links translate a reference. `group` names fields that move together. `default` is what an empty source
    gives where the destination is created. `in_events` is false where change events do not carry the value: a formula,
    a roll-up, a name that is put together from its parts.
    """

    name: str
    column: str | None
    kind: Kind
    direction: Direction
    conflict: ConflictRule = DEFAULT_RULE
    mandatory: bool = False
    default: Value = None
    constant: Value = None
    scale: int | None = None
    length: int | None = None
    values: ValueMap | None = None
    lookup: str | None = None
    group: str | None = None
    createable: bool = True
    updateable: bool = True
    sensitive: bool = False
    in_events: bool = True

    @property
    def is_constant(self) -> bool:
        """Whether the pushed value is fixed by the configuration instead of coming from a column."""
        return self.column is None


class Normalise(StrEnum):
    """One step of making two spellings of an identifier comparable."""

    TRIM = "trim"
    LOWER = "lower"
    DIGITS = "digits"
    DOMAIN = "domain"


class IdentifyKind(StrEnum):
    """How a record finds its counterpart."""

    EXTERNAL_ID = "external_id"
    SALESFORCE_ID = "salesforce_id"
    FIELD = "field"


@dataclass(frozen=True, slots=True)
class Identify:
    """One way to find the counterpart, tried in the order of the configuration after the link itself.

    For `SALESFORCE_ID` the column holds the 18-character id and `salesforce` is `Id`.
    """

    kind: IdentifyKind
    salesforce: str
    column: str
    normalise: tuple[Normalise, ...] = ()
    unique: bool = False  # Salesforce enforces uniqueness: an upsert on it can never make two


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how soon a failed record is tried again before it is parked."""

    attempts: int = 8
    first: timedelta = timedelta(seconds=1)
    maximum: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class DeleteGuard:
    """How many links of a step may be deleted by propagation within ten minutes before an operator is asked."""

    max_count: int = 100
    max_ratio: float = 0.05


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the user's: its schema-qualified name, its key columns and their types, in order."""

    schema: str
    name: str
    key: tuple[str, ...]
    types: Mapping[str, str]  # column to PostgreSQL's own spelling of its type, for keys and mapped columns
    generated: frozenset[str] = frozenset()  # columns that cannot be written
    defaulted: frozenset[str] = frozenset()  # columns that fill themselves when left out

    @property
    def qualified(self) -> str:
        """`schema.name`, as it is stored with links and shown to people."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class HeldField:
    """A mapping that is held, because one of its halves is not as it was: nothing reads or writes it until it is.

    `place` is its position among the configured fields, held ones included.
    """

    place: int
    name: str
    column: str | None
    sensitive: bool = False


@dataclass(frozen=True)
class Step:
    """One configured relation between a table and a Salesforce object.

    `held` are mappings that are left out of `fields` for the time being. `still` says why the whole step stands still, and is
    empty while it runs: what happens to its records and rows is stored, and nothing of it is settled.
    """

    name: str
    object: str
    table: Table
    direction: Direction
    fields: tuple[Field, ...]
    identify: tuple[Identify, ...] = ()
    pull: Behaviour = Behaviour.UPDATE_OR_CREATE
    push: Behaviour = Behaviour.UPDATE_OR_CREATE
    on_request: bool = False  # a row without a record makes one only when an operator asks for it
    on_delete: OnDelete = OnDelete.PROPAGATE
    delete_conflict: DeleteConflict = DeleteConflict.PARK
    converted_lead: ConvertedLead = ConvertedLead.PARK
    delete_guard: DeleteGuard = DeleteGuard()
    updated_at: str | None = None
    batch_size: int = 200
    retry: Retry = Retry()
    depends_on: tuple[str, ...] = ()
    held: tuple[HeldField, ...] = ()
    still: str = ""

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """Fields by their Salesforce name."""
        return MappingProxyType({field.name: field for field in self.fields})

    @cached_property
    def by_column(self) -> Mapping[str, tuple[Field, ...]]:
        """Fields by the column they are paired with."""
        columns: dict[str, list[Field]] = {}
        for mapped in self.fields:
            if mapped.column is not None:
                columns.setdefault(mapped.column, []).append(mapped)
        return MappingProxyType({column: tuple(fields) for column, fields in columns.items()})

    @cached_property
    def units(self) -> tuple[tuple[Field, ...], ...]:
        """The fields in the portions that move together: a group is one portion, any other field is its own."""
        groups: dict[str, list[Field]] = {}
        for mapped in self.fields:
            groups.setdefault(f"group {mapped.group}" if mapped.group else f"field {mapped.name}", []).append(
                mapped
            )
        return tuple(tuple(fields) for fields in groups.values())

    @cached_property
    def must_read(self) -> bool:
        """Whether an event is never enough: a pulled field's value is not in it, so the record is read each time."""
        return any(mapped.direction.pulls and not mapped.in_events for mapped in self.fields)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read: mapped ones, identifiers and the step's own `updated_at`."""
        wanted = [f.column for f in self.fields if f.column is not None]
        wanted += [rule.column for rule in self.identify]
        if self.updated_at is not None:
            wanted.append(self.updated_at)
        return tuple(dict.fromkeys(wanted))

    @cached_property
    def salesforce_fields(self) -> tuple[str, ...]:
        """Every Salesforce field that is read, without the id and the system stamps."""
        wanted = [f.name for f in self.fields] + [r.salesforce for r in self.identify if r.salesforce != "Id"]
        return tuple(dict.fromkeys(wanted))

    @cached_property
    def external_id(self) -> Identify | None:
        """The rule by which creates are idempotent, if there is one."""
        for rule in self.identify:
            if rule.kind is IdentifyKind.EXTERNAL_ID:
                return rule
        return None


@dataclass(frozen=True)
class Steps:
    """All steps, found by name, by object and by table; parents come before children."""

    ordered: tuple[Step, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Step]:
        """Steps by name."""
        return MappingProxyType({step.name: step for step in self.ordered})

    @cached_property
    def by_object(self) -> Mapping[str, tuple[Step, ...]]:
        """Steps by Salesforce object."""
        found: dict[str, list[Step]] = {}
        for step in self.ordered:
            found.setdefault(step.object, []).append(step)
        return MappingProxyType({name: tuple(steps) for name, steps in found.items()})

    def of_table_and_object(self, table: str, salesforce_object: str) -> Step | None:
        """The step that pairs this table with this object, if there is one: where a moved link goes on."""
        for step in self.by_object.get(salesforce_object, ()):
            if step.table.qualified == table:
                return step
        return None
