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

from daemon.domain.action import Action
from daemon.domain.campaign import CampaignRules
from daemon.domain.filter import Filter
from daemon.domain.policy import Behaviour, ConflictRule, ConvertedLead, DeleteConflict, OnDelete, Owned
from daemon.domain.side import Direction, Side
from daemon.domain.value import Value

CONVERSION_FIELDS: Final = (
    "IsConverted",
    "ConvertedContactId",
    "ConvertedAccountId",
    "ConvertedOpportunityId",
)
"""What a Lead says of its conversion."""
PERSON_FIELD: Final = "IsPersonAccount"
"""What an Account or Contact says of itself in an org that has person accounts; elsewhere there is no such field."""


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
class ParentKey:
    """A reference that is written as a value of the record it points to: `{"Account": {"Key__c": value}}`.

    `relationship` is the name of the reference's relationship, `field` the unique External ID field of `object`, or its e-mail address, by which
    the record is found before the write.
    """

    object: str
    relationship: str
    field: str


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
    parent: ParentKey | None = (
        None  # Salesforce looks the reference up by a value: the canonical value is that value
    )
    group: str | None = None
    createable: bool = True
    updateable: bool = True
    sensitive: bool = False
    in_events: bool = True
    among: tuple[
        str, ...
    ] = ()  # the lookup's steps where only records of their objects are meant; all of one table
    either: str | None = None  # references of this name share a column: the one that is filled is meant
    linked_only: bool = (
        False  # a record whose reference is not linked is left out, and not kept to wait for it
    )

    @property
    def is_constant(self) -> bool:
        """Whether the pushed value is fixed by the configuration instead of coming from a column."""
        return self.column is None

    @property
    def looked_up(self) -> tuple[str, ...]:
        """The steps whose links translate the reference; empty if it is none that is translated."""
        return self.among or (() if self.lookup is None else (self.lookup,))


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
class Join:
    """Another table's rows that speak for the records of a step: `source` is that table's step, which has no links of its own.

    `person` is its column that holds the key of the step's row; `columns` its columns by the name under which they are read with that row.
    """

    source: "Step"
    person: str
    columns: Mapping[str, str]


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
    actions: tuple[Action, ...] = ()
    held: tuple[HeldField, ...] = ()
    still: str = ""
    pull_filter: Filter | None = None  # SOQL: which records come in
    push_filter: Filter | None = None  # SQL: which rows go out
    family: tuple[
        str, ...
    ] = ()  # the steps that one step with several destinations became, this one among them, in order
    routed_by: Filter | None = (
        None  # SQL: of the rows without a record, those whose record is made by this step of its family
    )
    owned: Owned = Owned.OFF  # what becomes of a local edit of what is only pulled
    tells_persons: bool = False  # the object says of each record whether it is a person account
    references: tuple[
        str, ...
    ] = ()  # the reference fields that together name a record, as a campaign and a person do a member
    campaign: CampaignRules | None = None  # what the members of a step's records need
    joins: tuple[Join, ...] = ()  # other tables that speak for the records, the newest row for each field
    ways: tuple[str, str] | None = (
        None  # of two one-way steps that share table and object: the name of the one in, and of the one out
    )
    on_row_delete: OnDelete | None = (
        None  # what the delete of a row does, where that of a record does otherwise
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which operators know the step: two, where it is a step in and a step out."""
        return self.ways or (self.name,)

    def called(self, direction: str) -> str:
        """The name under which what goes this way (pull or push) is told."""
        if self.ways is None:
            return self.name
        return self.ways[1] if direction == Direction.PUSH else self.ways[0]

    def action(self, owner: str, name: str) -> Action:
        """The action of this name that operators know under one of the step's names. Raises KeyError."""
        return {(self.called(action.direction), action.name): action for action in self.actions}[owner, name]

    def on_deleted(self, gone: Side) -> OnDelete:
        """What the delete of one half does to the other."""
        return self.on_row_delete if gone is Side.POSTGRES and self.on_row_delete else self.on_delete

    @property
    def deletes_by_row(self) -> bool:
        """Whether rows only name records that are to be deleted: nothing is paired, and no event concerns the step."""
        return self.direction.pushes and self.push is Behaviour.DELETE

    @property
    def adds_once(self) -> bool:
        """Whether a row's record is made once, under the value of a tracking field, and never touched again."""
        return self.direction.pushes and self.push is Behaviour.ADD

    @property
    def is_captured(self) -> bool:
        """Whether local changes are written down: to be sent, or to be put back."""
        return self.direction.pushes or self.owned is Owned.OVERWRITE

    @property
    def markers(self) -> tuple[str, ...]:
        """Fields that are read beside the mapped ones, because they say what a record is: a converted lead, a person account."""
        converted = CONVERSION_FIELDS if self.object == "Lead" else ()
        return (*converted, PERSON_FIELD) if self.tells_persons else converted

    @property
    def judged_columns(self) -> tuple[str, ...]:
        """Columns that the conditions on rows look at."""
        judged = (found.columns for found in (self.push_filter, self.routed_by) if found is not None)
        return tuple(column for columns in judged for column in columns)

    @property
    def siblings(self) -> tuple[str, ...]:
        """The other steps of the family."""
        return tuple(name for name in self.family if name != self.name)

    @cached_property
    def owned_columns(self) -> tuple[str, ...]:
        """Columns that only Salesforce gives, where local edits of them are refused."""
        if self.owned is not Owned.REFUSE:
            return ()
        pulled = (c for c, fields in self.by_column.items() if not any(f.direction.pushes for f in fields))
        return tuple(c for c in pulled if c not in self.table.generated)

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
        """Whether an event is never enough: a pulled field's value is not in it, or a filter is to be asked, so the record is read each time."""
        unheard = any(mapped.direction.pulls and not mapped.in_events for mapped in self.fields)
        return unheard or self.pull_filter is not None

    @property
    def soql(self) -> str:
        """The condition that records must meet to come in; empty if every record does."""
        return "" if self.pull_filter is None else self.pull_filter.condition

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read: mapped ones, identifiers, what the filter looks at and the step's own `updated_at`."""
        wanted = [f.column for f in self.fields if f.column is not None]
        wanted += [rule.column for rule in self.identify]
        wanted += self.judged_columns
        if self.campaign is not None and self.campaign.type_column is not None:
            wanted.append(self.campaign.type_column)
        if self.updated_at is not None:
            wanted.append(self.updated_at)
        return tuple(dict.fromkeys(wanted))

    @cached_property
    def own_columns(self) -> tuple[str, ...]:
        """Every column that is read and stands in the step's own table."""
        joined = {name for join in self.joins for name in join.columns}
        return tuple(column for column in self.columns if column not in joined)

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

    def named(self, name: str) -> Step | None:
        """The step that an operator means by a name: its own, or that of its way in or out. None if there is none."""
        found = self.by_name.get(name)
        return found or next((step for step in self.ordered if name in step.names), None)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name by which operators know a step, in order."""
        return tuple(name for step in self.ordered for name in step.names)

    @cached_property
    def by_object(self) -> Mapping[str, tuple[Step, ...]]:
        """Steps by Salesforce object, without those that only delete: what happens in Salesforce does not concern them."""
        found: dict[str, list[Step]] = {}
        for step in (step for step in self.ordered if not step.deletes_by_row):
            found.setdefault(step.object, []).append(step)
        return MappingProxyType({name: tuple(steps) for name, steps in found.items()})

    def of_table_and_object(self, table: str, salesforce_object: str) -> Step | None:
        """The step that pairs this table with this object, if there is one: where a moved link goes on."""
        for step in self.by_object.get(salesforce_object, ()):
            if step.table.qualified == table:
                return step
        return None
