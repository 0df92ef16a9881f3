"""What no single key can be blamed for: the rules between the parts of a configuration.

Each rule looks at what stands by itself and gives problems; none depends on another one having passed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from daemon.settings.connections import DatabaseSettings, SalesforceSettings
from daemon.settings.errors import Problem, suggestion
from daemon.settings.host_rules import database_problems, salesforce_problems
from daemon.settings.merge import Origins, Path
from daemon.settings.rule import Complaint
from daemon.settings.step_rules import step_complaints
from daemon.settings.steps import DefaultSettings, Inheritable, StepSettings


@dataclass(frozen=True, slots=True)
class Known:
    """The parts of a configuration that validate by themselves, and every step's name (None where it has no usable one)."""

    salesforce: SalesforceSettings | None
    database: DatabaseSettings | None
    defaults: DefaultSettings | None
    steps: Sequence[tuple[int, StepSettings]]
    names: Sequence[str | None]


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
    yield from _repeated_names(known.names, origins)
    yield from _repeated_pairs(known)
    for index, step in known.steps:
        yield from _waits(step, ("steps", index))
        yield from step_complaints(step, ("steps", index))
        yield from _references(known, index, step)
    yield from _cycle(known)


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


def _repeated_pairs(known: Known) -> Iterator[Complaint]:
    """A table and an object are related by one step: links are one to one."""
    first: dict[tuple[str, str], str] = {}
    for index, step in known.steps:
        if not step.enabled:
            continue
        pair = step.postgres.table, step.salesforce.object
        other = first.setdefault(pair, step.name)
        if other != step.name:
            what = f"the step {other} already relates {pair[0]} to {pair[1]}"
            yield Complaint(("steps", index, "postgres", "table"), what, "put the fields into one step")


def _references(known: Known, index: int, step: StepSettings) -> Iterator[Complaint]:
    at: Path = ("steps", index)
    for place, name in enumerate(step.depends_on):
        if name == step.name:
            yield Complaint((*at, "depends_on", place), "a step cannot depend on itself", "remove it")
        else:
            yield from _reference(known, name, (*at, "depends_on", place))
    for place, field in enumerate(step.fields):
        if field.lookup is not None:
            yield from _reference(known, field.lookup.step, (*at, "fields", place, "lookup", "step"))


def _reference(known: Known, name: str, at: Path) -> Iterator[Complaint]:
    names = [known_name for known_name in known.names if known_name is not None]
    if name not in names:
        yield Complaint(at, f"there is no step {name}", suggestion(name, names))
    elif any(step.name == name and not step.enabled for _, step in known.steps):
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
