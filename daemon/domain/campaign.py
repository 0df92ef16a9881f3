"""What a campaign of Salesforce needs beside its own fields: the statuses that its members may have."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CampaignType:
    """One local type of campaign: its statuses and their labels in Salesforce, in order, and the one that new members get."""

    labels: Mapping[str, str]
    default: str


@dataclass(frozen=True, slots=True)
class CampaignRules:
    """How a step's records carry members. `members` is the step of the members, `type_column` tells a row's type."""

    members: str
    type_column: str | None = None
    types: Mapping[str, CampaignType] = field(default_factory=dict)

    def type_of(self, values: Mapping[str, str | None]) -> CampaignType | None:
        """The type of a row, from its columns; None where it has none that is described. A lone type is every row's."""
        if self.type_column is None:
            return next(iter(self.types.values())) if len(self.types) == 1 else None
        return self.types.get(values.get(self.type_column) or "")


@dataclass(frozen=True, slots=True)
class NewStatus:
    """A member status that a campaign is to get. `order` is its place among them, from 1 on."""

    label: str
    order: int


def lacking(kind: CampaignType, present: Collection[str]) -> list[NewStatus]:
    """The statuses of a type that a campaign has not yet, behind those that it has. Case does not matter."""
    known = {label.casefold() for label in present}
    wanted = [label for label in dict.fromkeys(kind.labels.values()) if label.casefold() not in known]
    return [NewStatus(label, order) for order, label in enumerate(wanted, start=len(known) + 1)]


def unknown_here(kind: CampaignType, present: Collection[str]) -> list[str]:
    """The statuses of a campaign in Salesforce that the local type lacks: members with them get the local default."""
    known = {label.casefold() for label in kind.labels.values()}
    return [label for label in present if label.casefold() not in known]
