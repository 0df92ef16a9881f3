"""A configuration that no longer fits both sides: what goes on, what is held, and what gives it back.

Pure, like the resolution that it repeats: a mapping that is in the way is left out, one after the other, until the rest fits.
Only what worked before can be held. Anything else is a mistake in the configuration, and forbids a start as ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from daemon.domain.drift import Drift, KnownStep, KnownSteps
from daemon.domain.mapping import Field, Kind, Step, Steps, Table
from daemon.domain.side import Direction
from daemon.flow.drift.spelling import mapped_types, salesforce_type
from daemon.ports.database import TableDescription
from daemon.ports.salesforce import ObjectDescription
from daemon.settings.errors import Problem
from daemon.settings.models import Settings
from daemon.settings.resolution.findings import RIGHTS, TABLES
from daemon.settings.resolution.one_way import united
from daemon.settings.resolution.order import ordered
from daemon.settings.resolve import LeftOut, held_fields, resolve_without
from daemon.settings.step_rules import direction_of
from daemon.settings.steps import FieldSettings, StepSettings

_Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Holding:
    """The steps that go on and those that stand still, what is held and why, and what is known to work from now on.

    `steps` is None where there are problems that no holding back mends.
    """

    steps: Steps | None
    drifts: tuple[Drift, ...]
    known: KnownSteps
    problems: tuple[Problem, ...] = ()


def resolve_holding(
    settings: Settings,
    objects: Mapping[str, ObjectDescription],
    tables: Mapping[str, TableDescription],
    known: KnownSteps,
    acting: frozenset[str] = frozenset(),
) -> Holding:
    """The steps, with what worked before and does not fit any more left out.

    `acting` names the steps whose actions have just been written: they never worked, so they have to fit.
    """
    search = _Search(settings, objects, tables, known, acting)
    return search.run()


class _Search:
    """Looks for what has to be left out. Each turn leaves out at least one thing more, so it ends."""

    def __init__(
        self,
        settings: Settings,
        objects: Mapping[str, ObjectDescription],
        tables: Mapping[str, TableDescription],
        known: KnownSteps,
        acting: frozenset[str],
    ) -> None:
        self._acting = acting
        self._settings = settings
        self._objects = objects
        self._tables = tables
        self._known = known
        self._fields: dict[_Place, Drift] = {}
        self._steps: dict[int, Drift] = {}

    def run(self) -> Holding:
        while True:
            left_out = LeftOut(frozenset(self._steps), frozenset(self._fields))
            steps, findings = resolve_without(self._settings, self._objects, self._tables, left_out)
            before = len(self._fields) + len(self._steps)
            problems = [problem for problem in findings.problems if not self._hold(problem)]
            if problems:
                return Holding(None, self._drifts(), self._known, tuple(problems))
            self._hold_narrowed(steps)
            self._hold_groups()
            if len(self._fields) + len(self._steps) == before:
                return Holding(self._all(steps), self._drifts(), self._remembered(steps))

    def _hold(self, problem: Problem) -> bool:
        """Hold what a problem is about; whether it could be held, or can be lived with."""
        match problem.place:
            case ("steps", int(index), *rest) if self._settings.steps[index].name in self._known:
                step = self._settings.steps[index]
            case _:
                return False
        match rest:
            case ["actions", *_] if step.name in self._acting:
                return False
            case ["actions", *_] if problem.about in (TABLES, RIGHTS):
                pass  # an action never holds its record back: the run fails by itself, and is kept
            case ["fields"]:  # a create lacks something: by itself a matter of each create, which is parked
                held = any(owner == index for owner, _ in self._fields)
                if held:
                    self._stop(index, problem.what, problem.fix)
            case ["fields", int(place), *_] if place < len(step.fields):
                field = step.fields[place]
                remembered = self._known[step.name].fields.get(field.salesforce)
                if remembered is None or remembered.column != field.postgres:
                    return False
                what, fix = self._told(step, field, problem)
                if field.mandatory:
                    self._stop(index, what, fix)
                else:
                    self._fields[index, place] = Drift(step.name, field.salesforce, what, fix)
            case _:
                self._stop(index, problem.what, problem.fix or "give it back, or change the configuration")
        return True

    def _stop(self, index: int, what: str, fix: str) -> None:
        self._steps.setdefault(index, Drift(self._settings.steps[index].name, None, what, fix))

    def _hold_narrowed(self, steps: list[Step]) -> None:
        """A field that goes both ways and may go only one now: what the other side says meanwhile must not be lost."""
        places = {step.name: index for index, step in enumerate(self._settings.steps)}
        for step in steps:
            index = places[step.name]
            before = self._known.get(step.name, KnownStep("")).fields
            for place, field in enumerate(self._settings.steps[index].fields):
                now, was = step.by_name.get(field.salesforce), before.get(field.salesforce)
                if now is None or was is None or was.direction is now.direction:
                    continue
                wanted = direction_of(self._settings.steps[index], field)
                if wanted is Direction.TWO_WAY and was.direction is Direction.TWO_WAY:
                    what, fix = self._lost_right(self._settings.steps[index], field, now.direction)
                    self._fields[index, place] = Drift(step.name, field.salesforce, what, fix)

    def _hold_groups(self) -> None:
        """Fields that move together stand still together."""
        for (index, place), drift in list(self._fields.items()):
            step = self._settings.steps[index]
            group = step.fields[place].group
            for other, field in enumerate(step.fields):
                if group is not None and field.group == group and (index, other) not in self._fields:
                    what = f"{field.salesforce} moves together with {drift.field}"
                    self._fields[index, other] = Drift(step.name, field.salesforce, what, drift.fix)

    def _told(self, step: StepSettings, field: FieldSettings, problem: Problem) -> tuple[str, str]:
        """What became of a mapping, and the cure."""
        was = self._known[step.name].fields[field.salesforce]
        described = self._objects[step.salesforce.object].fields.get(field.salesforce)
        table = self._tables[step.postgres.table]
        name, place = (
            f"{step.salesforce.object}.{field.salesforce}",
            f"{table.schema}.{table.name}.{field.postgres}",
        )
        out = f"or take it out of step {step.name} and start the daemon again"
        if described is None:
            what = f"{name} ({was.salesforce}) was removed in Salesforce, or the integration user may not read it any more"
            return what, f"give the field, or the right to read it, back, {out}"
        column = table.columns.get(field.postgres) if field.postgres is not None else None
        if field.postgres is not None and column is None:
            return f"{place} ({was.postgres}) was dropped", f"add the column again, {out}"
        if column is not None and not column.selectable:
            grant = f"GRANT SELECT ({column.name}) ON {table.schema}.{table.name} TO the daemon's role"
            return f"the daemon may not read {place} any more", f"{grant}, {out}"
        if (now := salesforce_type(described)) != was.salesforce:
            return f"{name} was {was.salesforce} and is {now}: {problem.what}", f"{problem.fix}, {out}"
        if column is not None and column.type != was.postgres:
            return f"{place} was {was.postgres} and is {column.type}: {problem.what}", f"{problem.fix}, {out}"
        return problem.what, f"{problem.fix}, {out}"

    def _lost_right(self, step: StepSettings, field: FieldSettings, left: Direction) -> tuple[str, str]:
        table = self._tables[step.postgres.table]
        if left is Direction.PULL:
            what = f"the integration user may not edit {step.salesforce.object}.{field.salesforce} any more"
            fix = f"Setup > Permission Sets > {step.salesforce.object} > {field.salesforce} > Edit"
        else:
            what = f"the daemon may not update {table.schema}.{table.name}.{field.postgres} any more"
            fix = f"GRANT UPDATE ({field.postgres}) ON {table.schema}.{table.name} TO the daemon's role"
        return what, f"{fix}, or write direction: {left.value} and start the daemon again"

    def _all(self, steps: list[Step]) -> Steps:
        return Steps(
            ordered(united(self._settings, [*steps, *(self._still(index) for index in self._steps)]))
        )

    def _still(self, index: int) -> Step:
        """A step that stands still. Enough of it is known to store what happens, and to hide what is sensitive."""
        step = self._settings.steps[index]
        table = self._tables.get(step.postgres.table)
        name = f"{table.schema}.{table.name}" if table is not None else self._known[step.name].table
        schema, _, rest = name.rpartition(".")
        return Step(
            step.name,
            step.salesforce.object,
            Table(schema, rest, table.key if table is not None else (), {}),
            step.direction,
            (),
            depends_on=step.depends_on,
            held=held_fields(step, range(len(step.fields))),
            still=self._steps[index].what,
        )

    def _drifts(self) -> tuple[Drift, ...]:
        fields = [self._fields[place] for place in sorted(self._fields) if place[0] not in self._steps]
        return (*(self._steps[index] for index in sorted(self._steps)), *fields)

    def _remembered_sources(self) -> dict[str, KnownStep]:
        """The same of steps that speak for another one's records, and are none themselves."""
        known: dict[str, KnownStep] = {}
        for index, step in enumerate(self._settings.steps):
            if step.postgres.through is None or not step.runs or index in self._steps:
                continue
            described, table = self._objects[step.salesforce.object], self._tables[step.postgres.table]
            before = self._known.get(step.name, KnownStep("")).fields
            fields = {}
            for place, field in enumerate(step.fields):
                spoken = Field(field.salesforce, field.postgres, Kind.TEXT, Direction.PUSH)
                if (index, place) not in self._fields:
                    fields[field.salesforce] = mapped_types(spoken, described, table)
                elif field.salesforce in before:
                    fields[field.salesforce] = before[field.salesforce]
            known[step.name] = KnownStep(f"{table.schema}.{table.name}", fields)
        return known

    def _remembered(self, steps: list[Step]) -> KnownSteps:
        """What works now, and of what is held, how it last worked."""
        known: dict[str, KnownStep] = {}
        by_name = {step.name: step for step in self._settings.steps}
        for step in steps:
            described, table = (
                self._objects[step.object],
                self._tables[by_name[step.name].postgres.table],
            )
            before = self._known.get(step.name, KnownStep("")).fields
            held = {field.name: before[field.name] for field in step.held if field.name in before}
            own = [field for field in step.fields if field.column is None or field.column in step.own_columns]
            now = {field.name: mapped_types(field, described, table) for field in own}
            known[step.name] = KnownStep(step.table.qualified, {**now, **held})
        known |= self._remembered_sources()
        stopped = {self._settings.steps[index].name for index in self._steps}
        return {**known, **{name: replace(self._known[name]) for name in stopped}}
