"""What no single key can be blamed for: the rules between the parts of a configuration.

Each rule looks at what stands by itself and gives problems; none depends on another one having passed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from daemon.domain.policy import Owned
from daemon.domain.side import Direction
from daemon.settings.campaigns import CampaignSettings, campaign_complaints
from daemon.settings.connections import DatabaseSettings, SalesforceSettings
from daemon.settings.errors import Problem, suggestion
from daemon.settings.filters import FilterSettings, filter_complaints, saved_complaints
from daemon.settings.host_rules import database_problems, salesforce_problems
from daemon.settings.merge import Origins, Path
from daemon.settings.one_way import matched, pair_complaints, repeated_complaints, stand_ins
from daemon.settings.rule import Complaint
from daemon.settings.step_rules import step_complaints
from daemon.settings.steps import DefaultSettings, Inheritable, StepSettings, ThroughSettings
from daemon.settings.through_rules import spoken_for_complaints


@dataclass(frozen=True, slots=True)
class Known:
    """The parts of a configuration that validate by themselves, and every step's name (None where it has no usable one)."""

    salesforce: SalesforceSettings | None
    database: DatabaseSettings | None
    defaults: DefaultSettings | None
    steps: Sequence[tuple[int, StepSettings]]
    names: Sequence[str | None]
    filters: Mapping[str, FilterSettings]
    campaigns: CampaignSettings | None = None


def broken_rules(known: Known, origins: Origins) -> list[Problem]:
    """Every rule between parts that does not hold."""
    return [
        Problem(origins.of(complaint.path), origins.spoken(complaint.path), complaint.what, complaint.fix)
        for complaint in _complaints(known, origins)
    ]


def _complaints(known: Known, origins: Origins) -> Iterator[Complaint]:
    if known.salesforce is not None:
        yield from salesforce_problems(known.salesforce)
    if known.database is not None:
        yield from database_problems(known.database)
    if known.defaults is not None:
        yield from _waits(known.defaults, ("defaults",))
    yield from saved_complaints(known.filters)
    yield from _repeated_names(known.names, origins)
    yield from _one_way_pairs(known, origins)
    yield from _shared_rows(known)
    yield from _companies_as_people(known)
    for index, step in known.steps:
        yield from _waits(step, ("steps", index))
        yield from step_complaints(step, ("steps", index))
        yield from _filters(known, index, step)
        yield from _references(known, index, step)
    yield from _cycle(known)
    if known.campaigns is not None:
        yield from campaign_complaints(known.campaigns, [step for _, step in known.steps], known.names)


def _waits(settings: Inheritable, at: Path) -> Iterator[Complaint]:
    retry = settings.retry
    if retry is not None and retry.first is not None and retry.max is not None and retry.first > retry.max:
        yield Complaint(
            (*at, "retry", "first"), "is longer than the longest wait", "make it shorter than max"
        )


def _repeated_names(names: Sequence[str | None], origins: Origins) -> Iterator[Complaint]:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if name is None:
            continue
        if name in first:
            where = origins.of(("steps", first[name]))
            yield Complaint(
                ("steps", index, "name"),
                f"the step {name} is there twice (first at {where})",
                "rename one of them",
            )
        first.setdefault(name, index)


def _one_way_pairs(known: Known, origins: Origins) -> Iterator[Complaint]:
    """One step relates a table and an object, or one for each way that does not contradict the other."""
    yield from repeated_complaints(known.steps, origins.of)
    by_place = dict(known.steps)
    for ways in matched(known.steps):
        pull, push = ((place, by_place[place]) for place in ways)
        yield from pair_complaints(pull, push, origins.of)


def _shared_rows(known: Known) -> Iterator[Complaint]:
    """Rows that two steps work with belong to neither alone."""
    shared = {(step.postgres.table, step.salesforce.object) for _, step in known.steps if step.enabled}
    tables = [table for table, _ in shared]
    for index, step in known.steps:
        if step.enabled and step.pull.owned is not Owned.OFF and tables.count(step.postgres.table) > 1:
            what = f"{step.postgres.table} is the table of another step too, whose edits it would hinder"
            yield Complaint(
                ("steps", index, "pull", "owned"), what, "remove it, or give each step a table of its own"
            )


def _companies_as_people(known: Known) -> Iterator[Complaint]:
    """An Account is a company: it never becomes a row of people. Its name may come with a person, through that person's own step."""
    people = {
        step.postgres.table: step.name
        for _, step in known.steps
        if step.enabled and step.salesforce.object.casefold() in ("contact", "lead")
    }
    for index, step in known.steps:
        other = people.get(step.postgres.table)
        if not (
            step.enabled and other and step.salesforce.object.casefold() == "account" and step.direction.pulls
        ):
            continue
        what = f"the step {other} keeps people in {step.postgres.table}, and an Account is no person"
        fix = "give the accounts a table of their own, and let people point to it with a lookup on AccountId"
        yield Complaint(("steps", index, "postgres", "table"), what, fix)


def _filters(known: Known, index: int, step: StepSettings) -> Iterator[Complaint]:
    for side, settings in ((Direction.PULL, step.pull.filter), (Direction.PUSH, step.push.filter)):
        at: Path = ("steps", index, side.value, "filter")
        yield from filter_complaints(settings, known.filters, step.direction, side, at)


def _references(known: Known, index: int, step: StepSettings) -> Iterator[Complaint]:
    at: Path = ("steps", index)
    for place, name in enumerate(step.depends_on):
        if name == step.name:
            yield Complaint((*at, "depends_on", place), "a step cannot depend on itself", "remove it")
        else:
            yield from _reference(known, step, name, (*at, "depends_on", place))
    for place, field in enumerate(step.fields):
        if field.lookup is not None and field.lookup.step is not None:
            yield from _reference(known, step, field.lookup.step, (*at, "fields", place, "lookup", "step"))
        for number, name in enumerate(field.lookup.steps if field.lookup is not None else ()):
            yield from _reference(known, step, name, (*at, "fields", place, "lookup", "steps", number))
    if step.postgres.through is not None:
        yield from _through(known, step, step.postgres.through, (*at, "postgres", "through", "step"))


def _through(known: Known, step: StepSettings, through: ThroughSettings, at: Path) -> Iterator[Complaint]:
    """Rows that speak for the records of another step, which must send what they say."""
    yield from _reference(known, step, through.step, at)
    for _, other in known.steps:
        if other.name == through.step:
            yield from spoken_for_complaints(step, other, at)


def _reference(known: Known, step: StepSettings, name: str, at: Path) -> Iterator[Complaint]:
    """What a step refers to is there, and runs if the step does: or keeps its links by the step that goes the other way."""
    names = [known_name for known_name in known.names if known_name is not None]
    if name not in names:
        yield Complaint(at, f"there is no step {name}", suggestion(name, names))
    elif step.enabled and any(other.name == name and not other.enabled for _, other in known.steps):
        if step.postgres.through is None and name in stand_ins([each for _, each in known.steps]):
            return
        yield Complaint(at, f"the step {name} is disabled", f"enable {name}, or remove this")


def _cycle(known: Known) -> Iterator[Complaint]:
    """Steps that wait for one another. Reported once a cycle, from its first step by name."""
    waits = {step.name: (index, step.depends_on) for index, step in known.steps}
    reported: set[frozenset[str]] = set()
    for name in sorted(waits):
        chain = _way_back(name, waits)
        if chain and frozenset(chain) not in reported:
            reported.add(frozenset(chain))
            index = waits[name][0]
            way = " -> ".join([*chain, name])
            fix = "remove one of these depends_on; a cycle of lookups alone needs none of them"
            yield Complaint(("steps", index, "depends_on"), f"the steps depend on one another: {way}", fix)


def _way_back(start: str, waits: dict[str, tuple[int, tuple[str, ...]]]) -> list[str]:
    """The shortest chain of dependencies from a step back to itself, without its end; empty if there is none."""
    ways = [[start]]
    seen: set[str] = set()
    for way in ways:
        for following in waits.get(way[-1], (0, ()))[1]:
            if following == start and len(way) > 1:
                return way
            if following not in seen and following != way[-1]:
                seen.add(following)
                ways.append([*way, following])
    return []
