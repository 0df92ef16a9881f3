"""One history: users, automation and faults on both sides in an order that a seed decides, then rest, then judgement."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import structlog

from adapters.emulator.errors import RecordRefused
from adapters.memory.database import MemoryDatabase, Written
from daemon.domain.change import Change, ChangeState, Source
from daemon.domain.failure import DatabaseFailedError
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Kind, Step
from daemon.domain.value import Value, Values
from daemon.flow.parts import Skew
from daemon.reconcile.turns import TAKE_TURNS
from tests.simulation import steps, weather
from tests.simulation.clockwork import START, LoopClock, StuckError, VirtualLoop
from tests.simulation.org_side import OrgSide
from tests.simulation.process import CHANNEL, Process, Surroundings
from tests.support.model.record import Author, History
from tests.support.oracles import Ending, Violation, judge

REST = 400.0
"""Seconds within which everything must come to rest once nothing goes wrong any more."""
QUIET = 2.5
"""Seconds without any change after which it rests."""
_PAUSES = (0.05, 0.05, 0.2, 0.4, 1.1, 3.0)


class Play:
    """A running history."""

    def __init__(
        self,
        seed: int,
        loop: VirtualLoop,
        *,
        acts: int = 40,
        ahead: tuple[float, float] | None = None,
        renames: bool = False,
    ) -> None:
        """`ahead` sets by how many seconds the machine's clock is ahead of the true time, and the server's of the machine's.

        `renames`: applications change primary keys, and give them to other rows. It is another history then than the seed's own.
        """
        self.renames = renames
        self.rng = random.Random(seed)
        self.loop = loop
        self.acts = acts
        self.trace: list[tuple[object, ...]] = []
        self.broken: list[Violation] = []
        rng = self.rng
        self.steps = steps.drawn(rng)
        self.weather = weather.drawn(rng)
        self.deletes = rng.random() < 0.4
        skewed = rng.random() < 0.5
        machine, server = (rng.uniform(-60, 60), rng.uniform(-60, 60)) if skewed else (0.0, 0.0)
        machine, server = ahead or (machine, server)
        clock = LoopClock(loop, machine)
        self.server_ahead = machine + server
        self.database = MemoryDatabase(clock, skew=timedelta(seconds=server), new_id=self._id)
        for table in steps.tables(self.steps):
            self.database.create_table(table)
        self.database.install_capture(self.steps.ordered)
        self.database.watchers.append(self._remember)
        self.org = OrgSide(rng, clock, self.steps)
        if rng.random() < 0.3:
            self.org.add_automation(rng, self._token)
        self.ours = {step.table.qualified: History() for step in self.steps.ordered}
        self.own_writes = 0
        self.local_writes = 0  # of users, row by row
        self.inserts = 0
        self.made_by_sync = 0
        self.comings = 0  # records that a user created or undeleted
        self._tokens = 0
        self._ids = 0
        self._lives = 0
        self.around = Surroundings(
            self.steps,
            self.database,
            self.org,
            clock,
            rng,
            self.weather,
            Skew(-machine, server),
            self.note,
            self._id,
        )
        self.process: Process | None = None
        self._held: list[asyncio.Task[None]] = []

    def note(self, *what: object) -> None:
        """Write down what happened."""
        self.trace.append((round(self.loop.time(), 3), *what))

    def _id(self) -> str:
        self._ids += 1
        return f"id-{self._ids}"

    def _token(self, kind: str) -> str:
        self._tokens += 1
        return f"{kind}-{self._tokens}"

    def _remember(self, written: Written) -> None:
        name, key = written.table, f"{written.table}/{written.key}"
        if written.after is None:
            self.ours[name].forget(key)
            return
        step = next(step for step in self.steps.ordered if step.table.qualified == name)
        if written.before is not None and written.before["id"] != written.key:
            self.ours[name].rename(f"{name}/{written.before['id']}", key)
        at = (written.at - START).total_seconds() - self.server_ahead
        author = Author.SYNC if written.own else Author.USER
        self.inserts += written.before is None and not written.own
        self.made_by_sync += written.before is None and written.own
        before = written.before or {}
        changed = False
        for field in step.fields:
            assert field.column is not None
            value = written.after[field.column]
            if value != before.get(field.column):
                changed = True
                if field.kind is Kind.TEXT:
                    self.ours[name].add(key, field.name, value, at, author)
        self.own_writes += written.own and changed
        self.local_writes += not written.own and changed

    # --- users ----------------------------------------------------------------------------------------------------

    def _actions(self) -> dict[str, tuple[int, Callable[[], Awaitable[object]]]]:
        return {
            "salesforce create": (2, self._sf_create),
            "salesforce save": (10, self._sf_save),
            "salesforce delete": (self.deletes, self._sf_delete),
            "salesforce undelete": (self.deletes, self._sf_undelete),
            "postgres insert": (2, self._pg_insert),
            "postgres update": (10, self._pg_update),
            "postgres delete": (self.deletes, self._pg_delete),
            "postgres hold": (1, self._pg_hold),
            "postgres rename": (8 * self.renames, self._pg_rename),
        }

    def _step(self) -> Step:
        return self.rng.choice(self.steps.ordered)

    def _values(self, step: Step, kind: str) -> dict[str, Value]:
        """New values of one or two fields, references left out."""
        values: dict[str, Value] = {}
        fields = [field for field in step.fields if field.kind is not Kind.REFERENCE]
        for field in self.rng.sample(fields, self.rng.choice((1, 1, 1, 2))):
            if field.kind is Kind.BOOLEAN:
                values[field.name] = self.rng.random() < 0.5
            elif field.name == "Phone" and self.rng.random() < 0.15:
                values[field.name] = None
            else:
                values[field.name] = self._token(kind)
        return values

    async def _sf_create(self) -> object:
        step = self._step()
        first = step.fields[0].name
        values = {first: self._token("sf"), **self._values(step, "sf")}
        if step.name == "people" and self.org.living("Account") and self.rng.random() < 0.7:
            values["AccountId"] = self.rng.choice(list(self.org.living("Account")))
        with self.org.saving(Author.USER) as transaction:
            made = transaction.create(step.object, values)
        self.comings += 1
        return made, values

    async def _sf_save(self) -> object:
        step = self._step()
        living = list(self.org.living(step.object))
        if not living:
            return None
        sf_id, values = self.rng.choice(living), self._values(step, "sf")
        if step.name == "people" and self.org.living("Account") and self.rng.random() < 0.2:
            values["AccountId"] = self.rng.choice([None, *self.org.living("Account")])
        with self.org.saving(Author.USER) as transaction:
            transaction.update(step.object, sf_id, values)
        return sf_id, values

    async def _sf_delete(self) -> object:
        step = self._step()
        living = list(self.org.living(step.object))
        if not living:
            return None
        sf_id = self.rng.choice(living)
        with self.org.saving(Author.USER) as transaction:
            transaction.delete(step.object, sf_id)
        return sf_id

    async def _sf_undelete(self) -> object:
        step = self._step()
        binned = [i for i, row in self.org.binned(step.object).items() if not row.get("MasterRecordId")]
        if not binned:
            return None
        sf_id, before = self.rng.choice(binned), self._binned()
        with self.org.saving(Author.USER) as transaction:
            transaction.undelete(sf_id)
        self.comings += before - self._binned()  # its children come with it
        return sf_id

    def _binned(self) -> int:
        return sum(len(self.org.binned(step.object)) for step in self.steps.ordered)

    def _columns(self, step: Step, values: Values) -> dict[str, str | None]:
        return {str(step.by_name[name].column): _text(value) for name, value in values.items()}

    async def _pg_insert(self) -> object:
        step = self._step()
        values = {step.fields[0].name: self._token("pg"), **self._values(step, "pg")}
        columns = self._columns(step, values)
        companies = list(self.database.tables["app.company"].rows)
        if step.name == "people" and companies and self.rng.random() < 0.7:
            columns["company"] = self.rng.choice(companies)
        async with self.database.application() as app:
            return await app.insert(step.table.qualified, **columns), values

    async def _pg_update(self) -> object:
        step = self._step()
        keys = list(self.database.tables[step.table.qualified].rows)
        if not keys:
            return None
        key, values = self.rng.choice(keys), self._values(step, "pg")
        columns = self._columns(step, values)
        companies = list(self.database.tables["app.company"].rows)
        if step.name == "people" and self.rng.random() < 0.2:
            columns["company"] = self.rng.choice([None, *companies])
        async with self.database.application() as app:
            await app.update(step.table.qualified, key, **columns)
        return step.table.name, key, values

    async def _pg_delete(self) -> object:
        step = self._step()
        keys = list(self.database.tables[step.table.qualified].rows)
        if not keys:
            return None
        key = self.rng.choice(keys)
        async with self.database.application() as app:
            await app.delete(step.table.qualified, key)
        return step.table.name, key

    async def _pg_rename(self) -> object:
        """A row is renamed, or two swap their keys, and somebody may take the key at once: for good, or for a moment.

        Never one that others point to: these tables have no foreign key that would cascade, or refuse.
        """
        step = self.steps.ordered[-1]
        keys = list(self.database.tables[step.table.qualified].rows)
        if not keys:
            return None
        key, new = self.rng.choice(keys), str(10_000 + self.rng.randrange(10**6))
        other = self.rng.choice(keys) if self.rng.random() < 0.3 else key
        async with self.database.application() as app:
            await app.update(step.table.qualified, key, id=new)
            if other != key:
                await app.update(step.table.qualified, other, id=key)
                if self.rng.random() < 0.5:
                    await app.update(step.table.qualified, new, id=other)
        if other != key or self.rng.random() < 0.3:
            return step.table.name, key, new, other
        await asyncio.sleep(self.rng.choice((0.0, 0.0, 0.05, 0.4)))
        columns = self._columns(step, {step.fields[0].name: self._token("pg")})
        async with self.database.application() as app:
            await app.insert(step.table.qualified, id=key, **columns)
        if self.rng.random() < 0.4 * self.deletes:
            async with self.database.application() as app:
                await app.delete(step.table.qualified, key)
        return step.table.name, key, new, columns

    async def _pg_hold(self) -> object:
        """A transaction of the application's that keeps its row for a while, and is committed or rolled back."""
        step = self._step()
        keys = list(self.database.tables[step.table.qualified].rows)
        if not keys:
            return None
        key, values = self.rng.choice(keys), self._values(step, "pg")
        seconds, kept = self.rng.uniform(0.2, 4.0), self.rng.random() < 0.7
        columns = self._columns(step, values)

        async def hold() -> None:
            try:
                async with self.database.application() as app:
                    await app.update(step.table.qualified, key, **columns)
                    await asyncio.sleep(seconds)
                    _commit_if(kept)
            except (DatabaseFailedError, _RolledBackError):
                self.note("postgres hold", key, "rolled back")

        self._held.append(asyncio.create_task(hold()))
        return step.table.name, key, values, round(seconds, 2), kept

    # --- from beginning to end ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Play to the end."""
        lives = asyncio.create_task(self._live())
        try:
            await self._users()
            await asyncio.gather(*self._held)
            self.weather.calm()
            if not await self._rest() or not self._wake_parked() or not await self._rest():
                self.broken.append(Violation("bounded", f"not at rest within {REST} s: {self._unsettled()}"))
                return
            for step in self.steps.ordered:
                self.broken += judge(self._ending(step))
            if self.made_by_sync > self.comings:
                what = f"{self.made_by_sync} rows were made of {self.comings} records that came"
                self.broken.append(Violation("links", what))
            if self.org.sync_creates > self.inserts:
                what = f"{self.org.sync_creates} records were made of {self.inserts} rows"
                self.broken.append(Violation("links", what))
            await self._economy()
        finally:
            lives.cancel()
            await asyncio.gather(lives, return_exceptions=True)

    def life(self, number: int) -> Process:
        """The daemon's next life."""
        return Process(self.around, f"life {number}")

    async def _live(self) -> None:
        """One life of the daemon after the other."""
        while True:
            self._lives += 1
            self.process = self.life(self._lives)
            await self.process.live()
            if self.process.fault is not None:
                self.note("daemon", "ends with", repr(self.process.fault))
                self.broken.append(Violation("alive", repr(self.process.fault)))
            await asyncio.sleep(self.rng.uniform(0.1, 3.0))

    async def _users(self) -> None:
        actions = self._actions()
        names, weights = list(actions), [weight for weight, _ in actions.values()]
        for name in self.rng.choices(names, weights, k=self.acts):
            await asyncio.sleep(self.rng.choice(_PAUSES))
            try:
                done = await actions[name][1]()
            except (RecordRefused, DatabaseFailedError) as error:
                done = error
            self.note(name, done)

    def _unsettled(self) -> list[Change]:
        return [c for c in self.database.changes.values() if c.state not in _WAITING]

    def _caught_up(self) -> bool:
        log, stored = self.org.org.log, self.database.positions.get(CHANNEL)
        at = log.position(int(stored.position)) if stored is not None else None
        return at is not None and at >= log.end

    async def _rest(self) -> bool:
        """Wait until nothing is left to do; whether that came about in time."""
        until, quiet = self.loop.time() + REST, 0.0
        before: tuple[int, ...] = ()
        while self.loop.time() < until:
            await asyncio.sleep(0.5)
            assert self.process is not None
            state = (len(self.trace), self.own_writes, self.org.sync_saves, len(self.database.changes))
            done = self.process.engine.loaded.is_set() and self._caught_up() and not self._unsettled()
            quiet = quiet + 0.5 if done and state == before else 0.0
            before = state
            if quiet >= QUIET:
                return True
        return False

    def _wake_parked(self) -> bool:
        """The hour in which what is parked is tried again has passed. What rests for as long is tried again by an operator instead."""
        for number, change in self.database.changes.items():
            if change.due is not None:
                due = replace(change, due=self.database.now())
                asked = replace(due, state=ChangeState.PENDING, source=Source.OPERATOR)
                self.database.changes[number] = asked if change.code == TAKE_TURNS else due
        self.database.ring()
        return True

    async def _economy(self) -> None:
        """O6: no more writes to a side than the other's users and the ledger give cause for, and none at all for a redelivery at rest."""
        before, entries = (self.org.sync_saves, self.own_writes), len(self.database.ledger)
        causes = (self.local_writes, self.org.others_saves)
        if any(ours > theirs + entries for ours, theirs in zip(before, causes, strict=True)):
            self.broken.append(
                Violation(
                    "economy", f"{before} writes of ours for {causes} of others, {entries} in the ledger"
                )
            )
        log, stored = self.org.org.log, self.database.positions.get(CHANNEL)
        assert self.process is not None
        calls = self.process.records.calls
        await asyncio.sleep(QUIET)
        if self.process.records.calls > calls:
            self.broken.append(Violation("economy", "calls were made at rest"))
        earlier = log.since(max(log.end - 7, 0), 1)
        if stored is None or not earlier:
            return
        self.database.positions[CHANNEL] = replace(stored, position=str(earlier[0].replay_id))
        self.process.dead.set()
        await asyncio.sleep(4.0)
        if not await self._rest():
            self.broken.append(Violation("bounded", f"a redelivery gives no rest: {self._unsettled()}"))
        if (self.org.sync_saves, self.own_writes) != before:
            self.broken.append(Violation("economy", "a redelivery at rest wrote something"))

    def _ending(self, step: Step) -> Ending:
        database, living = self.database, self.org.living(step.object)
        prefix = f"{step.table.qualified}/"
        links = {link.sf_id: replace(link, key=prefix + link.key) for link in database.links.values()}
        parked = {change.sf_id for change in database.changes.values() if change.sf_id is not None}
        parked |= {
            prefix + change.key
            for change in database.changes.values()
            if change.key is not None and change.step == step.name
        }
        parked |= {link.key for sf_id, link in links.items() if link.step == step.name and sf_id in parked}
        return Ending(
            step,
            {
                sf_id: {name: _canonical(row.get(name)) for name in step.by_name}
                for sf_id, row in living.items()
            },
            {
                prefix + key: {
                    field.name: self._value(field.kind, row[str(field.column)]) for field in step.fields
                }
                for key, row in database.tables[step.table.qualified].rows.items()
            },
            {sf_id: link for sf_id, link in links.items() if link.step == step.name},
            [
                (
                    stored.line.sf_id,
                    _key_of(links, stored.line.sf_id, prefix + stored.line.key),
                    stored.line.entry,
                )
                for stored in database.ledger.values()
                if stored.line.step == step.name
            ],
            parked,
            {sf_id: str(row["Ext_Id__c"]) for sf_id, row in living.items() if row.get("Ext_Id__c")},
            self.org.history[step.object],
            self.ours[step.table.qualified],
            START,
            self.org.untold,
        )

    def _value(self, kind: Kind, text: str | None) -> Value:
        if kind is Kind.BOOLEAN:
            return text == "true"
        if kind is Kind.REFERENCE and text is not None:
            links = [link for link in self.database.links.values() if link.table == "app.company"]
            whole = (
                LinkState.LINKED,
                LinkState.TOMBSTONE,
            )  # a pair that is gone is pointed to by both sides alike
            found = [link.sf_id for link in links if link.key == text and link.state in whole]
            return found[0] if found else f"no record of company {text}"
        return text

    def digest(self) -> str:
        """What happened, in one word: the same for the same seed."""
        return hashlib.sha256("\n".join(map(repr, self.trace)).encode()).hexdigest()


_WAITING = frozenset({ChangeState.PARKED, ChangeState.HELD})


class _RolledBackError(Exception):
    """The application thinks better of it."""


def _key_of(links: Mapping[str, Link], sf_id: str, then: str) -> str:
    """The key by now of the row that an entry tells of: rows are renamed."""
    return links[sf_id].key if sf_id in links else then


def _commit_if(kept: bool) -> None:
    if not kept:
        raise _RolledBackError


def _canonical(value: object) -> Value:
    assert value is None or isinstance(value, bool | str)
    return value


def _text(value: Value) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    assert value is None or isinstance(value, str)
    return value


@contextmanager
def _silence() -> Iterator[None]:
    """Logs would take longer than the histories."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        yield
    finally:
        structlog.configure(**before)


def play(seed: int, *, acts: int = 40, renames: bool = False) -> Play:
    """Play one history."""
    return played(lambda loop: Play(seed, loop, acts=acts, renames=renames))


P = TypeVar("P", bound=Play)


def played(make: Callable[[VirtualLoop], P]) -> P:
    """The history that `make` makes on a loop of its own, played to its end."""
    loop = VirtualLoop()
    with _silence():
        history = make(loop)
        try:
            loop.run_until_complete(history.run())
        except StuckError as error:
            history.broken.append(Violation("bounded", str(error)))
        finally:
            loop.close()
    return history
