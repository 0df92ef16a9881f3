"""The two sides of a pair, and the direction a value may travel between them."""

from enum import StrEnum


class Side(StrEnum):
    """One of the two systems."""

    SALESFORCE = "salesforce"
    POSTGRES = "postgres"

    @property
    def other(self) -> "Side":
        """The side across."""
        return Side.POSTGRES if self is Side.SALESFORCE else Side.SALESFORCE


class Direction(StrEnum):
    """Which way values may travel: pull is Salesforce to PostgreSQL, push is PostgreSQL to Salesforce."""

    PULL = "pull"
    PUSH = "push"
    TWO_WAY = "two_way"

    @property
    def pulls(self) -> bool:
        """Whether Salesforce's value may be written to PostgreSQL."""
        return self is not Direction.PUSH

    @property
    def pushes(self) -> bool:
        """Whether PostgreSQL's value may be written to Salesforce."""
        return self is not Direction.PULL

    def narrowed(self, other: "Direction") -> "Direction | None":
        """What remains of this direction under the ceiling of another one; None if nothing does."""
        pulls = self.pulls and other.pulls
        pushes = self.pushes and other.pushes
        if pulls and pushes:
            return Direction.TWO_WAY
        if pulls:
            return Direction.PULL
        return Direction.PUSH if pushes else None
