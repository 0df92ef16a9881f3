"""Checks of the org: reached, let in, whose it is, and what its fields hold."""

from daemon.operations.check import capture_told, version_finding
from daemon.operations.examination.visit import Result, SkipError, State, Visit, worst
from daemon.operations.finding import Finding, Level
from daemon.operations.identifiers import examined
from daemon.operations.lead_fields import lead_field_findings
from daemon.operations.marker import looked_up, mark_finding
from daemon.operations.permissions import check_environment, permission_finding, user_finding


async def reach(visit: Visit) -> Result:
    """Something serves the API at this address."""
    versions = await visit.patient.catalogue.versions()
    if not versions:
        return State.FAIL, "something answers, but serves no API version", "Check salesforce.domain."
    return State.OK, f"reached, serves API versions {versions[0]} to {versions[-1]}", ""


async def auth(visit: Visit) -> Result:
    """The login is accepted, in an org of the kind that is meant."""
    org = await visit.patient.catalogue.organisation()
    found = f"accepted as {org.get('username', '?')} in {org.get('name', '?')} ({org.get('id', '?')})"
    check_environment(visit.patient.configured.sandbox, org)
    return State.OK, found, ""


async def user(visit: Visit) -> Result:
    """A user of its own writes."""
    return worst([user_finding(await visit.caller())], "")


async def permissions(visit: Visit) -> Result:
    """A program may come in as this user."""
    return worst([permission_finding(await visit.caller())], "")


async def instance(visit: Visit) -> Result:
    """No other instance keeps the org in step."""
    patient = visit.patient
    if patient.instance is None or patient.records is None:
        raise SkipError("no instance is at hand")
    mark = await looked_up(patient.catalogue, patient.records, await patient.instance())
    return worst([mark_finding(mark)], "")


async def identifiers(visit: Visit) -> Result:
    """What the identifying fields of all steps hold."""
    records, rows = visit.patient.record_identifiers, visit.patient.row_identifiers
    steps = (await visit.resolved()).steps
    if steps is None or records is None or rows is None:
        raise SkipError("the configuration does not fit both sides yet")
    objects, findings = await visit.objects(), list[Finding]()
    for step in steps.ordered:
        for way in await examined(step, objects[step.object], records, rows):
            findings += way.findings
    listed = "; ".join(finding.what for finding in findings if finding.level is Level.OK)
    state, found, fix = worst(findings, "no step goes by a field", "isthmus step identifiers STEP")
    return (state, listed or found, fix) if state is State.OK else (state, found, fix)


async def lead_fields(visit: Visit) -> Result:
    """A converted lead keeps its External ID, where rows become leads or something else."""
    conversions, steps = visit.patient.conversions, (await visit.resolved()).steps
    if steps is None or conversions is None:
        raise SkipError("the configuration does not fit both sides yet")
    return worst(await lead_field_findings(steps, conversions), "no step has Lead among several destinations")


async def version(visit: Visit) -> Result:
    """The configured API version is served."""
    served = await visit.patient.catalogue.versions()
    return worst([version_finding(visit.patient.configured.api_version, served)], "")


async def cdc(visit: Visit) -> Result:
    """Salesforce sends the changes of what is pulled."""
    return worst(await capture_told(visit.patient.catalogue, visit.patient.configured.pulled), "")
