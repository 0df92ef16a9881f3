"""Campaigns with their members and statuses, as the configuration writes them: two tables and what relates them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

from pydantic import BeforeValidator, Field

from daemon.domain.policy import Behaviour, Create, OnDelete, Policy
from daemon.domain.side import Direction
from daemon.settings.errors import suggestion
from daemon.settings.merge import Path
from daemon.settings.rule import Complaint
from daemon.settings.scalars import ColumnName, Identifier, Section, TableName, Text
from daemon.settings.steps import (
    ConflictSettings,
    FieldSettings,
    LookupSettings,
    ObjectSettings,
    PullSettings,
    PushSettings,
    StepSettings,
    TableSettings,
    UnmappedSettings,
    ValueSettings,
)

PERSONS: Final[Mapping[str, str]] = {"Contact": "ContactId", "Lead": "LeadId"}
"""The objects that a member may be, and the reference by which it is."""
CAMPAIGN_OBJECTS: Final = frozenset({"Campaign", "CampaignMember"})
"""The objects of the steps that campaigns become."""
EITHER: Final = "person"
"""The name under which a member's references to its person stand for one another."""


def _labels(raw: Any) -> Any:
    return {name: name for name in raw} if isinstance(raw, list | tuple) else raw


class TypeSettings(Section):
    """One type of campaign: the statuses of its members."""

    statuses: Annotated[dict[Text, Text], BeforeValidator(_labels), Field(min_length=1)]
    """PostgreSQL's value: its label in Salesforce, in order; or a list, where both are spelled the same."""
    default: Text
    """The status (PostgreSQL's value) that a new member has."""


class MembersSettings(Section):
    """The table of the members."""

    name: Identifier = "campaign_members"
    """Name of the step that carries the members."""
    table: TableName
    """The table, as SCHEMA.TABLE: a row for each person of each campaign."""
    key: ColumnName | None = None
    """Column that names a row. The primary key, if left out."""
    updated_at: ColumnName | None = None
    """A column (timestamp with time zone) that tells when the row was changed."""
    campaign: ColumnName
    """Column that holds the campaign's key."""
    person: ColumnName
    """Column that holds the person's key."""
    steps: tuple[Identifier, ...] = Field(min_length=1, max_length=2)
    """The steps that sync these persons, of Contact, of Lead, or one of each over the same table."""
    status: ColumnName
    """Column that holds the status."""
    default: Text | None = None
    """What a status becomes that comes from Salesforce and is not among the local ones. The types' default, if they have one in common."""
    fields: tuple[FieldSettings, ...] = ()
    """Further fields of CampaignMember."""


class CampaignSettings(Section):
    """Campaigns that operators link, one by one, with campaigns in Salesforce; their members follow."""

    name: Identifier = "campaigns"
    """Name of the step that carries the campaigns."""
    table: TableName
    """The table of the campaigns, as SCHEMA.TABLE."""
    key: ColumnName | None = None
    """Column that names a row. The primary key, if left out."""
    updated_at: ColumnName | None = None
    """A column (timestamp with time zone) that tells when the row was changed."""
    title: ColumnName
    """Column that holds the campaign's name."""
    type: ColumnName | None = None
    """Column that holds the campaign's type, one of `types`. A lone type is every campaign's."""
    fields: tuple[FieldSettings, ...] = ()
    """Further fields of Campaign."""
    members: MembersSettings
    """The members."""
    types: dict[Text, TypeSettings] = Field(default_factory=dict)
    """The types of campaigns by name. Without any, statuses travel as they are spelled."""

    @property
    def fallback(self) -> str | None:
        """What an unknown status becomes here; None if that is not said."""
        if self.members.default is not None:
            return self.members.default
        defaults = {kind.default for kind in self.types.values()}
        return defaults.pop() if len(defaults) == 1 else None


class MemberStepSettings(StepSettings):
    """The step of the members. Salesforce takes a person once into a campaign, so a create may be sent twice."""

    repeatable: ClassVar[bool] = True


def campaign_complaints(
    settings: CampaignSettings, steps: Sequence[StepSettings], names: Sequence[str | None]
) -> Iterator[Complaint]:
    """What is wrong with campaigns beside what each key says of itself."""
    at: Path = ("campaigns",)
    for name, place in ((settings.name, (*at, "name")), (settings.members.name, (*at, "members", "name"))):
        if name in names or (place[1] == "members" and name == settings.name):
            yield Complaint(place, f"a step is called {name} already", "give it another name")
    yield from _person_complaints(settings.members, steps, names)
    yield from _type_complaints(settings)


def _person_complaints(
    members: MembersSettings, steps: Sequence[StepSettings], names: Sequence[str | None]
) -> Iterator[Complaint]:
    at: Path = ("campaigns", "members", "steps")
    by_name = {step.name: step for step in steps}
    met: dict[str, str] = {}
    for index, name in enumerate(members.steps):
        step = by_name.get(name)
        if step is None:
            if name not in names:
                known = [other for other in names if other is not None]
                yield Complaint((*at, index), f"there is no step {name}", suggestion(name, known))
            continue
        if not step.runs:
            yield Complaint((*at, index), f"the step {name} does not run", "enable it, or name another one")
        if step.salesforce.object not in PERSONS:
            what = f"the step {name} syncs {step.salesforce.object}, and members are contacts or leads"
            yield Complaint((*at, index), what, "name a step of Contact or Lead")
        elif met.setdefault(step.salesforce.object, name) != name:
            what = f"{met[step.salesforce.object]} and {name} both sync {step.salesforce.object}"
            yield Complaint((*at, index), what, "name one of them")
    tables = {by_name[name].postgres.table for name in members.steps if name in by_name}
    if len(tables) > 1:
        what = f"{members.person} can hold keys of one table, and these steps have {' and '.join(sorted(tables))}"
        yield Complaint(at, what, "name steps over one table")


def _type_complaints(settings: CampaignSettings) -> Iterator[Complaint]:
    at: Path = ("campaigns", "types")
    labels: dict[str, str] = {}
    locals_: dict[str, str] = {}
    for name, kind in settings.types.items():
        if kind.default not in kind.statuses:
            fix = suggestion(kind.default, list(kind.statuses))
            yield Complaint((*at, name, "default"), f"{kind.default} is no status of this type", fix)
        for local, label in kind.statuses.items():
            if labels.setdefault(local, label) != label or locals_.setdefault(label, local) != local:
                what = f"{local} = {label} is another pair than in the types before"
                yield Complaint((*at, name, "statuses"), what, "let each status have one label in all types")
    if settings.types and settings.type is None and len(settings.types) > 1:
        yield Complaint(
            at, "there are several types, and no column tells them apart", "name it: type: COLUMN"
        )
    if settings.types and settings.fallback is None:
        what = "the types have different defaults, and a status that comes in may be none of theirs"
        yield Complaint(("campaigns", "members"), what, "say what it becomes: default: STATUS")
    if settings.members.default is not None and labels and settings.members.default not in labels:
        fix = suggestion(settings.members.default, list(labels))
        yield Complaint(
            ("campaigns", "members", "default"), f"{settings.members.default} is no status of any type", fix
        )


def campaign_steps(settings: CampaignSettings, steps: Sequence[StepSettings]) -> tuple[StepSettings, ...]:
    """The two steps that carry campaigns and members down the one road."""
    return _campaigns(settings), _members(settings, {step.name: step for step in steps})


def _campaigns(settings: CampaignSettings) -> StepSettings:
    return StepSettings(
        name=settings.name,
        salesforce=ObjectSettings(object="Campaign"),
        postgres=_table(settings.table, settings.key, settings.updated_at),
        direction=Direction.TWO_WAY,
        pull=PullSettings(behaviour=Behaviour.UPDATE_ONLY),
        push=PushSettings(create=Create.ON_REQUEST),
        on_delete=OnDelete.KEEP,
        fields=(
            FieldSettings(salesforce="Name", postgres=settings.title, mandatory=True),
            FieldSettings(salesforce="IsActive", const=True, direction=Direction.PUSH),
            *settings.fields,
        ),
    )


def _members(settings: CampaignSettings, by_name: Mapping[str, StepSettings]) -> StepSettings:
    members = settings.members
    persons = [
        FieldSettings(
            salesforce=PERSONS[by_name[name].salesforce.object],
            postgres=members.person,
            mandatory=True,
            lookup=LookupSettings(step=name),
        )
        for name in members.steps
    ]
    campaign = FieldSettings(
        salesforce="CampaignId",
        postgres=members.campaign,
        mandatory=True,
        lookup=LookupSettings(step=settings.name),
    )
    status = FieldSettings(
        salesforce="Status",
        postgres=members.status,
        values=_statuses(settings),
        conflict=ConflictSettings(policy=Policy.PUSH_ALWAYS),
    )
    return MemberStepSettings(
        name=members.name,
        salesforce=ObjectSettings(object="CampaignMember"),
        postgres=_table(members.table, members.key, members.updated_at),
        direction=Direction.TWO_WAY,
        depends_on=(settings.name, *members.steps),
        fields=(campaign, *persons, status, *members.fields),
    )


def _statuses(settings: CampaignSettings) -> ValueSettings | None:
    """What is unknown here becomes the local default; what is unknown there is not sent, and a new member gets Salesforce's default."""
    if not settings.types:
        return None
    pairs = {label: local for kind in settings.types.values() for local, label in kind.statuses.items()}
    return ValueSettings(map=pairs, default=UnmappedSettings(pull=settings.fallback, push="keep"))


def _table(table: str, key: str | None, updated_at: str | None) -> TableSettings:
    return TableSettings(table=table, key=None if key is None else (key,), updated_at=updated_at)
