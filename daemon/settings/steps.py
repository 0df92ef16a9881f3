"""One relation between a table and a Salesforce object, as the configuration writes it."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from daemon.domain.mapping import Normalise
from daemon.domain.policy import Behaviour, ConvertedLead, Create, DeleteConflict, OnDelete, Owned, Policy
from daemon.domain.side import Direction, Side
from daemon.settings.actions import ACTIONS_MOST, ActionSettings
from daemon.settings.destinations import DestinationSettings
from daemon.settings.filters import Filter
from daemon.settings.scalars import (
    ApiName,
    ColumnName,
    Duration,
    Identifier,
    Section,
    TableName,
    Text,
    as_written,
)


class ConflictSettings(Section):
    """Who wins when both sides changed one field. What is left out is taken from the step, then from the defaults."""

    policy: Policy | None = None
    """newest, record_newest, salesforce, postgres, salesforce_unless_blank, postgres_unless_blank, true_wins, manual or push_always."""
    tie: Side | None = None
    """Who wins when both changed it within the window."""
    window: Duration | None = None
    """How near two changes must be to count as simultaneous."""


def _policy_object(raw: Any) -> Any:
    return {"policy": raw} if isinstance(raw, str) else raw


class _OrPolicy:
    """In the schema, a policy's word may stand for the whole object."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"enum": [str(policy) for policy in Policy]}, handler(schema)]}


Conflict = Annotated[ConflictSettings, BeforeValidator(_policy_object), _OrPolicy()]


class RetrySettings(Section):
    """How a record that failed is tried again before it is parked."""

    attempts: int | None = Field(default=None, ge=1, le=100)
    """Attempts, the first included."""
    first: Duration | None = None
    """Wait before the second attempt; it doubles from there."""
    max: Duration | None = None
    """The longest wait between two attempts."""


class DeleteGuardSettings(Section):
    """How many deletes may be propagated within ten minutes before an operator is asked."""

    max_count: int | None = Field(default=None, ge=0)
    """Number of records."""
    max_ratio: float | None = Field(default=None, ge=0, le=1)
    """Share of the step's linked records, from 0 to 1."""


class Inheritable(Section):
    """What the defaults may say for every step and a step for itself."""

    conflict: Conflict | None = None
    """Who wins when both sides changed one field: a policy, or { policy, tie, window }."""
    batch_size: int | None = Field(default=None, ge=1, le=200)
    """Records to one write. Salesforce takes at most 200."""
    retry: RetrySettings | None = None
    """How a record that failed is tried again."""
    delete_guard: DeleteGuardSettings | None = None
    """What stops a mass delete."""
    on_delete: OnDelete | None = None
    """What a delete on one side does to the other: propagate or keep."""
    delete_conflict: DeleteConflict | None = None
    """What happens when one side deletes what the other has changed: park, delete_wins or update_wins."""


class DefaultSettings(Inheritable):
    """What every step inherits."""


class ObjectSettings(Section):
    """The Salesforce side of a step."""

    object: ApiName
    """API name of the object, such as Account or Invoice__c."""


def _one_or_many(raw: Any) -> Any:
    return raw if isinstance(raw, list | tuple) else [raw]


KeyColumns = Annotated[tuple[ColumnName, ...], BeforeValidator(_one_or_many), Field(min_length=1)]


class ThroughSettings(Section):
    """Whose records the rows of a table speak for."""

    step: Identifier
    """The step that pairs those records with rows."""
    column: ColumnName
    """The column that holds the key of that step's row."""


class TableSettings(Section):
    """The PostgreSQL side of a step."""

    table: TableName
    """The table (or view), as SCHEMA.TABLE."""
    key: KeyColumns | None = Field(
        default=None,
        json_schema_extra={"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    )
    """Column or columns that name a row. The primary key, if left out."""
    updated_at: ColumnName | None = None
    """A column (timestamp with time zone) that tells when the row was changed, used where it can be right."""
    through: ThroughSettings | None = None
    """The rows have no records of their own: they speak for those of another step's rows."""


class PullSettings(Section):
    """Salesforce to PostgreSQL."""

    behaviour: Behaviour = Behaviour.UPDATE_OR_CREATE
    """update_or_create, update_only (never make a row), create_only (never touch a row that exists) or mirror (also delete what is gone)."""
    filter: Filter | None = None
    """Which records come in: { soql: CONDITION }, { saved: NAME }, or a list of rules. Salesforce judges it."""
    owned: Owned = Owned.OFF
    """What becomes of a local edit of what is only pulled: off (noted, and left), refuse (the statement fails) or overwrite (put back)."""


class PushSettings(Section):
    """PostgreSQL to Salesforce."""

    behaviour: Behaviour = Behaviour.UPDATE_OR_CREATE
    """update_or_create, update_only (never make a record), create_only (never touch one that exists), mirror (also delete what is gone),
    delete (rows name records to delete) or add (make each once, never touch it again)."""
    create: Create = Create.AUTOMATIC
    """automatic: a row without a record makes one by itself. on_request: only when an operator asks for it (`isthmus record push`)."""
    filter: Filter | None = None
    """Which rows go out: { sql: CONDITION }, { view: NAME }, { saved: NAME }, or a list of rules. PostgreSQL judges it."""


class PairSettings(Section):
    """A Salesforce field and a column that hold the same identifier."""

    salesforce: ApiName
    """API name of the field."""
    postgres: ColumnName
    """The column."""


class FieldPairSettings(PairSettings):
    """A Salesforce field and a column that are compared, after making their spellings comparable."""

    normalise: tuple[Normalise, ...] = ()
    """What is done to both before they are compared, in order: trim, lower, digits, domain."""


class ByExternalId(Section):
    """Find the counterpart by a unique External ID field of Salesforce. Creates become safe to repeat."""

    tag: ClassVar[str] = "external_id"

    external_id: PairSettings
    """The External ID field and the column that holds the same value."""


class BySalesforceId(Section):
    """Find the counterpart by a column that holds the record's id."""

    tag: ClassVar[str] = "salesforce_id"

    salesforce_id: ColumnName
    """The column that holds the 18-character id."""


class ByField(Section):
    """Find the counterpart by a field with the same content, such as an e-mail address."""

    tag: ClassVar[str] = "field"

    field: FieldPairSettings
    """The field, the column, and how they are compared."""


def _identify_kind(raw: Any) -> str | None:
    if isinstance(raw, ByExternalId | BySalesforceId | ByField):
        return raw.tag
    if isinstance(raw, dict):
        named = [tag for tag in ("external_id", "salesforce_id", "field") if tag in raw]
        return named[0] if len(named) == 1 else None
    return None


IdentifySettings = Annotated[
    Annotated[ByExternalId, Tag("external_id")]
    | Annotated[BySalesforceId, Tag("salesforce_id")]
    | Annotated[ByField, Tag("field")],
    Discriminator(
        _identify_kind,
        custom_error_type="identify",
        custom_error_message="is not one way to find a counterpart",
    ),
]


class LookupSettings(Section):
    """Translate a reference: through another step's links, or by a value that Salesforce looks up itself."""

    step: Identifier | None = None
    """The step that syncs the records that are referred to."""
    steps: tuple[Identifier, ...] = ()
    """Instead of `step`: steps of one table, and the record meant is the one to which the row is linked by one of them."""
    object: ApiName | None = None
    """With external_id: the object that is referred to."""
    external_id: ApiName | None = None
    """A unique External ID field of that object; the column holds its value. Only pushed."""
    email: Literal[True] | None = None
    """With object, instead of external_id: the column holds the e-mail address of one record. Only for steps that add."""


Unmapped = Annotated[str | None, BeforeValidator(as_written), WithJsonSchema({"type": ["string", "null"]})]


class UnmappedSettings(Section):
    """What happens to a value that the map does not name: reject (park), keep, pass, null, or a value to use instead."""

    pull: Unmapped = "reject"
    """For values that come from Salesforce."""
    push: Unmapped = "reject"
    """For values that come from PostgreSQL."""


class ValueSettings(Section):
    """Salesforce's values and PostgreSQL's spelling of them."""

    map: dict[Text, Text] = Field(min_length=1)
    """Salesforce's value: PostgreSQL's value."""
    default: UnmappedSettings = UnmappedSettings()
    """What happens to a value that the map does not name."""
    push_choice: dict[Text, Text] = Field(default_factory=dict)
    """PostgreSQL's value: which of several Salesforce values to send for it."""


def _constant(raw: Any) -> Any:
    if isinstance(raw, list | tuple):
        return tuple(as_written(item) for item in raw)
    return raw if isinstance(raw, bool) else as_written(raw)


Constant = Annotated[
    bool | str | tuple[str, ...],
    BeforeValidator(_constant),
    WithJsonSchema({"type": ["string", "boolean", "number", "array"], "items": {"type": "string"}}),
]


class FieldSettings(Section):
    """One Salesforce field and the column (or constant) that it is paired with."""

    salesforce: ApiName
    """API name of the field. For an address or a person's name, name the parts: BillingCity, LastName."""
    postgres: ColumnName | None = None
    """The column."""
    direction: Direction | None = None
    """pull, push or two_way. The step's, if left out; it may narrow the step's, never widen it."""
    mandatory: bool = False
    """A record without this field waits until it has a value, instead of being sent."""
    default: Constant | None = None
    """What an empty source gives when the other side is created."""
    const: Constant | None = None
    """A value that is always pushed, instead of a column."""
    values: ValueSettings | None = None
    """Salesforce's values against PostgreSQL's."""
    lookup: LookupSettings | None = None
    """Translate a reference through another step's links."""
    conflict: Conflict | None = None
    """Who wins when both sides changed this field: a policy, or { policy, tie, window }."""
    group: Identifier | None = None
    """Fields of one group move together, such as the parts of an address."""
    sensitive: bool = False
    """Mask the value wherever values are shown to anyone below admin."""
    only: ApiName | None = None
    """With destinations: the one object that has this field."""


def _either_object(schema: dict[str, Any]) -> None:
    """In the schema, destinations may stand in the place of `salesforce`."""
    schema["required"] = [key for key in schema["required"] if key != "salesforce"]
    schema["anyOf"] = [{"required": ["salesforce"]}, {"required": ["destinations"]}]


class StepSettings(Inheritable):
    """One relation between a table and a Salesforce object."""

    model_config = ConfigDict(json_schema_extra=_either_object)
    repeatable: ClassVar[bool] = False
    """Whether a create may be sent twice without making two records, whatever identifies them."""

    name: Identifier
    """The step's name, in commands, metrics and logs."""
    enabled: bool = True
    """Whether the step is used."""
    salesforce: ObjectSettings
    """The Salesforce side."""
    destinations: tuple[DestinationSettings, ...] = ()
    """Instead of `salesforce`: two objects, Lead and Contact or Lead and Account. Each row has a record of one of them."""
    postgres: TableSettings
    """The PostgreSQL side."""
    direction: Direction
    """pull (Salesforce to PostgreSQL), push (PostgreSQL to Salesforce) or two_way: the ceiling for its fields."""
    pull: PullSettings = PullSettings()
    """How records come in."""
    push: PushSettings = PushSettings()
    """How rows go out."""
    identify: tuple[IdentifySettings, ...] = ()
    """How a record finds its counterpart, tried in order after the link itself."""
    relates: dict[Identifier, Identifier] = Field(default_factory=dict)
    """What the rows of a relation provide, and in which column: for OpportunityContactRole opportunity_id, contact_id and contact_email."""
    converted_lead: ConvertedLead = ConvertedLead.PARK
    """Where the link of a converted lead goes: follow_contact, follow_account, unlink, park or ignore."""
    depends_on: tuple[Identifier, ...] = ()
    """Steps whose records must be there first."""
    actions: tuple[ActionSettings, ...] = Field(default=(), max_length=ACTIONS_MOST)
    """What is done for each record that was synchronised: call a function, insert a row, post to an address."""
    fields: tuple[FieldSettings, ...] = ()
    """The paired fields. A step without any is kept, and does not run."""

    @property
    def runs(self) -> bool:
        """Whether the daemon works by this step: it is enabled, and has something to carry."""
        return self.enabled and bool(self.fields)
