"""Who wins a conflict."""

from datetime import datetime
from typing import assert_never

from daemon.domain.policy import ConflictRule, Policy
from daemon.domain.side import Side
from daemon.domain.value import Value, is_blank


def newest(rule: ConflictRule, salesforce_at: datetime | None, postgres_at: datetime | None) -> Side:
    """The side that changed last; within the window, or where an instant is not known, the side that ties go to."""
    if salesforce_at is None or postgres_at is None or abs(salesforce_at - postgres_at) <= rule.window:
        return rule.tie
    return Side.SALESFORCE if salesforce_at > postgres_at else Side.POSTGRES


def winner(
    rule: ConflictRule,
    salesforce: tuple[Value, ...],
    postgres: tuple[Value, ...],
    salesforce_at: datetime | None,
    postgres_at: datetime | None,
) -> Side | None:
    """The side whose values both sides get, or None where only a person may say.

    Values are those of all fields that move together, in one order.
    """
    match rule.policy:
        case Policy.NEWEST | Policy.RECORD_NEWEST:
            return newest(rule, salesforce_at, postgres_at)
        case Policy.SALESFORCE:
            return Side.SALESFORCE
        case Policy.POSTGRES | Policy.PUSH_ALWAYS:
            return Side.POSTGRES
        case Policy.SALESFORCE_UNLESS_BLANK:
            return Side.POSTGRES if all(is_blank(value) for value in salesforce) else Side.SALESFORCE
        case Policy.POSTGRES_UNLESS_BLANK:
            return Side.SALESFORCE if all(is_blank(value) for value in postgres) else Side.POSTGRES
        case Policy.TRUE_WINS:
            if (True in salesforce) == (True in postgres):
                return rule.tie
            return Side.SALESFORCE if True in salesforce else Side.POSTGRES
        case Policy.MANUAL:
            return None
        case never:
            assert_never(never)
