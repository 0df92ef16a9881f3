"""What the steps of campaigns and members are beside ordinary steps: who a member is, and what its campaign needs."""

from collections.abc import Sequence
from dataclasses import replace

from daemon.domain.campaign import CampaignRules, CampaignType
from daemon.domain.mapping import Field, Step
from daemon.settings.campaigns import EITHER, PERSONS, CampaignSettings


def with_campaigns(settings: CampaignSettings | None, steps: Sequence[Step]) -> list[Step]:
    """The steps, those of the campaigns completed."""
    if settings is None:
        return list(steps)
    found = []
    for step in steps:
        if step.name == settings.name:
            found.append(_campaigns(settings, step))
        elif step.name == settings.members.name:
            found.append(_members(step))
        else:
            found.append(step)
    return found


def _campaigns(settings: CampaignSettings, step: Step) -> Step:
    """A campaign is active when it is made, and remains what a person makes of it in Salesforce."""
    fields = tuple(
        replace(field, updateable=False) if field.name == "IsActive" and field.is_constant else field
        for field in step.fields
    )
    types = {name: CampaignType(dict(kind.statuses), kind.default) for name, kind in settings.types.items()}
    rules = CampaignRules(settings.members.name, settings.type, types)
    return replace(step, fields=fields, campaign=rules)


def _members(step: Step) -> Step:
    """A member is a campaign and a person. Where a reference is held, the step stands still: members could not be told apart."""
    fields = tuple(map(_reference, step.fields))
    wanted = ("CampaignId", *PERSONS.values())
    references = tuple(name for name in wanted if name in step.by_name)
    held = {field.name for field in step.held} & set(wanted)
    if held:
        still = step.still or f"{', '.join(sorted(held))} is held: members cannot be told apart without it"
        return replace(step, fields=fields, still=still)
    return replace(step, fields=fields, references=references)


def _reference(field: Field) -> Field:
    if field.name == "CampaignId":
        return replace(field, linked_only=True)
    if field.name in PERSONS.values() and field.lookup is not None:
        return replace(field, either=EITHER, mandatory=False)
    return field
