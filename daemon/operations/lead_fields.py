"""Whether a converted lead hands its External ID on, where rows become leads or something else.

A lead that becomes a contact without its External ID leaves a contact which the row's key does not find. The org's lead field mapping says
whether that happens. A user who may not read it can still look at what became of the leads that were converted last.
"""

from collections.abc import Sequence
from typing import Final

from daemon.domain.mapping import IdentifyKind, Steps
from daemon.operations.finding import Finding, Level
from daemon.ports.conversions import Conversions, Converted, HandedOn

ABOUT: Final = "salesforce.lead_fields"
LOOKED_AT: Final = 200
"""Converted leads that are looked at, where the mapping may not be read."""
_PAGE: Final = "Setup > Object Manager > Lead > Fields & Relationships > Map Lead Fields"
_PERMISSION: Final = "Modify Metadata Through Metadata API Functions"


async def lead_field_findings(steps: Steps, conversions: Conversions) -> list[Finding]:
    """One finding for each External ID of each pair of destinations, Lead and another. Raises CallFailedError.

    One call in all, and two more for each field where the mapping may not be read.
    """
    wanted = _wanted(steps)
    if not wanted:
        return []
    mapping, found = await conversions.mapping(), list[Finding]()
    for step, name, becomes in wanted:
        if mapping is not None and name.endswith("__c"):
            found.append(_by_mapping(step, name, becomes, mapping))
        else:
            seen = await conversions.newest(becomes, name, LOOKED_AT)
            found.append(_by_evidence(step, name, becomes, seen))
    return found


def _wanted(steps: Steps) -> list[tuple[str, str, str]]:
    """The step of the leads, its External ID, and the object that a lead of it becomes."""
    others = {step.name: step.object for step in steps.ordered}
    return [
        (step.name, rule.salesforce, others[sibling])
        for step in steps.ordered
        if step.object == "Lead"
        for sibling in step.siblings
        if sibling in others
        for rule in step.identify
        if rule.kind is IdentifyKind.EXTERNAL_ID
    ]


def _by_mapping(step: str, name: str, becomes: str, mapping: frozenset[HandedOn]) -> Finding:
    goes = sorted(each.field for each in mapping if each.object == becomes and _same(each.lead_field, name))
    if any(_same(field, name) for field in goes):
        return _finding(step, Level.OK, f"a conversion hands Lead.{name} on to {becomes}.{name}")
    instead = f" (it goes to {becomes}.{', '.join(goes)})" if goes else ""
    what = f"a conversion does not hand Lead.{name} on to {becomes}.{name}{instead}"
    return _lost(step, name, becomes, what)


def _by_evidence(step: str, name: str, becomes: str, seen: Sequence[Converted]) -> Finding:
    """What the converted leads show: the newest that shows anything decides, for a mapping made later mends no older one.

    A record with another value than its lead was there before, and kept its own: that shows nothing.
    """
    telling = [each for each in seen if each.held is None or _same(str(each.held), str(each.value))]
    if not telling:
        what = (
            f"whether a conversion hands Lead.{name} on to {becomes}.{name} is not known: this user lacks the permission "
            f'"{_PERMISSION}", and no converted lead shows it'
        )
        fix = f"look at {_PAGE}: Lead.{name} goes to {becomes}.{name}"
        return _finding(step, Level.WARNING, what, fix)
    lost = [each for each in telling if each.held is None]
    count = f"{len(telling)} converted lead{'' if len(telling) == 1 else 's'}"
    if telling[0].held is not None:
        older = (
            f" ({len(lost)} older of {count} did not)"
            if lost
            else f", as {count} show{'s' if len(telling) == 1 else ''}"
        )
        return _finding(step, Level.OK, f"a conversion hands Lead.{name} on to {becomes}.{name}{older}")
    first = lost[0]
    what = (
        f"a conversion does not hand Lead.{name} on to {becomes}.{name}: {len(lost)} of {count} lost it, "
        f"such as {first.lead}, which became {first.record}"
    )
    return _lost(step, name, becomes, what)


def _lost(step: str, name: str, becomes: str, what: str) -> Finding:
    return _finding(step, Level.PROBLEM, what, f"{_PAGE}: map Lead.{name} to {becomes}.{name}")


def _finding(step: str, level: Level, what: str, fix: str = "") -> Finding:
    return Finding(level, f"{step}: {what}", fix, about=ABOUT)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
