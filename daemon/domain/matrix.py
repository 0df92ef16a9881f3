"""What a step may do with which object, and by which identifier: one table, for the rules and for the docs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from daemon.domain.mapping import IdentifyKind
from daemon.domain.policy import Behaviour

_ANY: Final = (IdentifyKind.EXTERNAL_ID, IdentifyKind.SALESFORCE_ID, IdentifyKind.FIELD)

IDENTIFIERS: Final[Mapping[Behaviour, tuple[IdentifyKind, ...]]] = {
    Behaviour.UPDATE_OR_CREATE: _ANY,
    Behaviour.UPDATE_ONLY: _ANY,
    Behaviour.CREATE_ONLY: _ANY,
    Behaviour.MIRROR: _ANY,
    Behaviour.DELETE: _ANY,
    Behaviour.ADD: (IdentifyKind.EXTERNAL_ID, IdentifyKind.FIELD),
}
"""The identifiers that fit a push behaviour, on an object that has no narrower rule of its own."""

PULL_BEHAVIOURS: Final = (
    Behaviour.UPDATE_OR_CREATE,
    Behaviour.UPDATE_ONLY,
    Behaviour.CREATE_ONLY,
    Behaviour.MIRROR,
)
"""What a step may do with rows. Any object that can be read, and sends change events, may be pulled."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """An object with which less can be done: the identifiers of each behaviour that it takes, and the fields that must be filled.

    `provided` is what the rows must provide, under these names, and the required fields that each may fill. `has_events` is whether Salesforce sends change events of it (Object Reference, StandardObjectNameChangeEvent): without them it cannot be pulled.
    """

    identifiers: Mapping[Behaviour, tuple[IdentifyKind, ...]]
    required: tuple[str, ...]
    provided: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    has_events: bool = True


NARROWED: Final[Mapping[str, Narrowed]] = {
    "OpportunityContactRole": Narrowed(
        {Behaviour.ADD: (IdentifyKind.FIELD,)},
        ("OpportunityId", "ContactId"),
        {
            "opportunity_id": ("OpportunityId",),
            "contact_id": ("ContactId",),
            "contact_email": ("ContactId",),
        },
    ),
    "EmailMessageRelation": Narrowed(
        {Behaviour.ADD: (IdentifyKind.FIELD,)}, ("EmailMessageId", "RelationId"), has_events=False
    ),
}
"""Relations between two records. They have no External ID, so an upsert cannot be relied on."""

DESTINATIONS: Final[Mapping[frozenset[str], tuple[IdentifyKind, ...]]] = {
    frozenset({"Lead", "Contact"}): _ANY,
    frozenset({"Lead", "Account"}): (IdentifyKind.EXTERNAL_ID, IdentifyKind.SALESFORCE_ID),
}
"""The objects between which the rows of one step may be divided, and the identifiers that fit. The field of `FIELD` is Email."""

DESTINATION_BEHAVIOURS: Final = (Behaviour.UPDATE_ONLY, Behaviour.UPDATE_OR_CREATE, Behaviour.MIRROR)
"""What may be done with records of several destinations."""

KEY_PREFIXES: Final[Mapping[str, str]] = {"Account": "001", "Contact": "003", "Lead": "00Q"}
"""With which the ids of records of these objects begin, in every org."""

_NARROWED: Final = {name.casefold(): rule for name, rule in NARROWED.items()}


def push_identifiers(salesforce_object: str) -> Mapping[Behaviour, tuple[IdentifyKind, ...]]:
    """What may be done with records of an object, and the identifiers that fit each. Letter case does not matter."""
    narrowed = _NARROWED.get(salesforce_object.casefold())
    return IDENTIFIERS if narrowed is None else narrowed.identifiers


def pull_behaviours(salesforce_object: str) -> tuple[Behaviour, ...]:
    """What may be done with rows that records of an object make; nothing for one of which no change is ever told."""
    narrowed = _NARROWED.get(salesforce_object.casefold())
    return PULL_BEHAVIOURS if narrowed is None or narrowed.has_events else ()


def has_external_ids(salesforce_object: str) -> bool:
    """Whether an object can have External ID fields, by which records are upserted."""
    return any(IdentifyKind.EXTERNAL_ID in kinds for kinds in push_identifiers(salesforce_object).values())


def required_fields(salesforce_object: str) -> tuple[str, ...]:
    """Fields without which a relation says nothing: they are mapped, and a row without one of them waits."""
    narrowed = _NARROWED.get(salesforce_object.casefold())
    return () if narrowed is None else narrowed.required


def provided_columns(salesforce_object: str) -> Mapping[str, tuple[str, ...]]:
    """What the rows of a relation must provide, and the required fields that each may fill."""
    narrowed = _NARROWED.get(salesforce_object.casefold())
    return {} if narrowed is None else narrowed.provided


def table() -> list[tuple[str, str, str]]:
    """Object, behaviour and identifiers, line by line, as the docs show them."""
    rows = [("every other object", behaviour, kinds) for behaviour, kinds in IDENTIFIERS.items()]
    rows += [
        (name, behaviour, kinds)
        for name, rule in NARROWED.items()
        for behaviour, kinds in rule.identifiers.items()
    ]
    return [(name, behaviour.value, ", ".join(kinds)) for name, behaviour, kinds in rows]
