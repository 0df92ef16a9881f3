"""Checks of the database: reached, migrated, captured."""

from daemon.operations.examination.visit import Result, SkipError, State, Visit


async def reach(visit: Visit) -> Result:
    """The database answers."""
    facts = await visit.patient.database.facts()
    visit.facts = facts
    tls = "TLS" if facts.tls else "no TLS"
    found = f"reached in {facts.round_trip * 1000:.0f} ms, {facts.version}, role {facts.user}, {tls}"
    return State.OK, found, ""


async def schema(visit: Visit) -> Result:
    """Our schema is at the newest migration."""
    applied, newest = await visit.patient.database.schema_version()
    found = f"schema isthmus at migration {applied} of {newest}"
    if applied > newest:
        return State.FAIL, f"{found}: it is newer than this program", "Install the version that migrated it."
    if applied < newest:
        return State.FAIL, found if applied else "there is no schema isthmus", "Run: isthmus migrate up"
    return State.OK, found, ""


async def capture(visit: Visit) -> Result:
    """Changes of rows are seen."""
    steps = (await visit.resolved()).steps
    if steps is None:
        raise SkipError("the configuration does not fit both sides yet")
    problems = await visit.patient.database.capture_check(steps.ordered)
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return State.FAIL, f"{first.step}: {first.table}: {first.what}{more}", first.fix
    tables = sorted({step.table.qualified for step in steps.ordered})
    return State.OK, f"capture is in place on {', '.join(tables)}", ""
