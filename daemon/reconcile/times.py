"""When a local change happened, as far as it decides a conflict."""

from datetime import datetime, timedelta


def effective_time(
    captured: datetime, claimed: datetime | None, previous: datetime | None, allowance: timedelta
) -> tuple[datetime, bool]:
    """The instant of a local change, and whether a claimed one had to be set aside.

    `captured` is the trigger's own clock. `claimed` is what the table's `updated_at` column says; it counts when it
    is not older than the last captured change of the row (`previous`) and not later than the capture plus
    `allowance`: so the rule works for well-kept columns and is not fooled by a transaction's start time, a back-dated
    import or a client's clock.
    """
    if claimed is None:
        return captured, False
    if claimed > captured + allowance or (previous is not None and claimed < previous):
        return captured, True
    return claimed, False


def corrected(instant: datetime, offset: float) -> datetime:
    """A local instant by Salesforce's clock, which is `offset` seconds ahead of the database's, in whole seconds."""
    return (instant + timedelta(seconds=offset)).replace(microsecond=0)
