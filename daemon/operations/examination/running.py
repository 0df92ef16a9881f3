"""Checks of what a run lives by: calls that are left, clocks that agree, a stream that opens."""

from typing import Final

from daemon.operations.examination.visit import Result, SkipError, State, Visit
from daemon.ports.salesforce import FROM_NOW, PositionLostError, StreamEndedError

OFFSET_WARN: Final = (
    2.0  # seconds; the offset to Salesforce is corrected, but beyond this ties become wrong winners
)
OFFSET_FAIL: Final = 60.0  # a JWT lives for minutes
BUDGET_WARN: Final = 0.80
BUDGET_FAIL: Final = 0.98


async def budget(visit: Visit) -> Result:
    """The org has API calls left."""
    records = visit.patient.records
    limits = records.limits if records is not None else None
    if limits is None or limits.limit <= 0:
        raise SkipError("no answer of the org has told its allowance yet")
    found = f"{limits.used:,} of {limits.limit:,} API calls used in 24 hours"
    share = limits.used / limits.limit
    if share >= BUDGET_WARN:
        fix = "See Setup > System Overview for who uses them; buy more, or wait for the window to move on."
        return (State.FAIL if share >= BUDGET_FAIL else State.WARN), found, fix
    return State.OK, found, ""


async def clock_offset(visit: Visit) -> Result:
    """The clocks of both sides and ours agree."""
    patient = visit.patient
    offsets: dict[str, float] = {}
    if patient.records is not None and patient.records.clock_offset is not None:
        offsets["Salesforce"] = patient.records.clock_offset
    if visit.facts is not None:
        facts = await patient.database.facts()
        offsets["the database"] = (facts.now - patient.clock.now()).total_seconds() + facts.round_trip / 2
    if not offsets:
        raise SkipError("neither side has told its time")
    found = ", ".join(f"{abs(seconds):.1f} s from {side}" for side, seconds in offsets.items())
    worst = max(abs(seconds) for seconds in offsets.values())
    if worst > OFFSET_WARN:
        fix = "Let a time service (chrony, systemd-timesyncd) set the clock of this machine and of the database."
        return (State.FAIL if worst > OFFSET_FAIL else State.WARN), found, fix
    return State.OK, found, ""


async def stream(visit: Visit) -> Result:
    """The channel of change events can be subscribed to."""
    source, channel = visit.patient.source, visit.patient.configured.channel
    if source is None:
        raise SkipError("no stream is at hand")
    try:
        await source.open(channel, FROM_NOW)
    except StreamEndedError as ended:
        return State.FAIL, f"{channel}: {ended}", ended.failure.advice
    except PositionLostError as lost:
        return State.FAIL, f"{channel}: {lost}", "Try again; new events alone were asked for."
    finally:
        await source.close()
    return State.OK, f"subscribed to {channel} over {source.transport}, and left again", ""
