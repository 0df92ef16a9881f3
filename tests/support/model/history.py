"""One history: users, automation and faults on both sides in an order that a seed decides, then rest, then judgement."""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from daemon.domain.mapping import Field, Kind, Step, Table
from daemon.domain.policy import ConflictRule, DeleteConflict, Policy
from daemon.domain.side import Direction, Side
from daemon.domain.value import Value
from tests.support.model.database import Database
from tests.support.model.org import EPOCH, Org
from tests.support.model.record import Author
from tests.support.model.shell import Faults, Shell
from tests.support.oracles import Ending, Violation, judge

ROUNDS = 600
"""How many rounds everything may take to come to rest."""

MakeShell = Callable[[Step, Org, Database, float], Shell]

_POLICIES = (Policy.NEWEST, Policy.NEWEST, Policy.NEWEST, Policy.SALESFORCE, Policy.POSTGRES, Policy.MANUAL)


@dataclass
class Play:
    """A running history."""

    seed: int
    make: MakeShell = Shell
    steps: int = 40
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.step = self._step()
        self.automated = self.rng.random() < 0.3
        self.org = Org(self._automation)
        skew = self.rng.choice((0.0, self.rng.uniform(-60, 60)))
        self.database = Database(skew)
        self.shell = self.make(self.step, self.org, self.database, self.rng.uniform(-0.4, 0.4) - skew)
        self.shell.reads_back = self.rng.random() < 0.5
        self.now = 0.0
        self.tokens = 0
        self.user_writes = 0
        self.delivered = 0
        self.working: Iterator[str] | None = None
        self.taking: Iterator[str] | None = None
        self.faulty = self.rng.random() < 0.7
        self.deletes = self.rng.random() < 0.4

    def _step(self) -> Step:
        table = Table("public", "people", ("id",), {})
        rule = ConflictRule(self.rng.choice(_POLICIES), self.rng.choice(tuple(Side)), timedelta(seconds=2))
        fields = (
            Field("Name", "name", Kind.TEXT, Direction.TWO_WAY),
            Field("Phone", "phone", Kind.TEXT, Direction.TWO_WAY, rule),
            Field("Flag", "flag", Kind.BOOLEAN, Direction.TWO_WAY),
        )
        conflict = self.rng.choice((DeleteConflict.PARK, DeleteConflict.DELETE_WINS))
        return Step("contacts", "Contact", table, Direction.TWO_WAY, fields, delete_conflict=conflict)

    def _automation(self, values: dict[str, Value]) -> dict[str, Value]:
        if self.automated and "Name" in values and self.rng.random() < 0.3:
            return {"Phone": self._token("auto")}
        return {}

    def _token(self, kind: str) -> str:
        self.tokens += 1
        return f"{kind}-{self.tokens}"

    def _values(self, kind: str) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name in self.rng.sample(("Name", "Phone", "Flag"), self.rng.choice((1, 1, 1, 2))):
            values[name] = self.rng.random() < 0.5 if name == "Flag" else self._token(kind)
        return values

    def run(self) -> list[Violation]:
        """Play to the end; what was broken."""
        actions = self._actions()
        names, weights = list(actions), [weight for weight, _ in actions.values()]
        for name in self.rng.choices(names, weights, k=self.steps):
            self.now += self.rng.choice((0.05, 0.05, 0.2, 0.4, 1.1, 5.0))
            self.shell.now = self.now
            self.trace.append(f"{self.now:7.2f} {name} {actions[name][1]() or ''}")
        return self._rest()

    def _actions(self) -> dict[str, tuple[int, Callable[[], str | None]]]:
        return {
            "salesforce create": (2, self._sf_create),
            "salesforce save": (10, self._sf_save),
            "salesforce delete": (1 if self.deletes else 0, self._sf_delete),
            "salesforce undelete": (1 if self.deletes else 0, self._sf_undelete),
            "postgres insert": (2, self._pg_insert),
            "postgres update": (10, self._pg_update),
            "postgres delete": (1 if self.deletes else 0, self._pg_delete),
            "inbound": (14, self._inbound),
            "worker": (22, self._work),
            "crash": (1 if self.faulty else 0, self._crash),
        }

    def _sf_create(self) -> str:
        self.user_writes += 1
        values = {**dict.fromkeys(("Name", "Phone")), "Flag": False, **self._values("sf")}
        return f"{self.org.create(values, Author.USER, self.now)} {values}"

    def _living(self) -> list[str]:
        return [record.id for record in self.org.records.values() if not record.deleted]

    def _sf_save(self) -> str | None:
        if not (living := self._living()):
            return None
        self.user_writes += 1
        sf_id, values = self.rng.choice(living), self._values("sf")
        self.org.save(sf_id, values, Author.USER, self.now)
        return f"{sf_id} {values}"

    def _sf_delete(self) -> str | None:
        if not (living := self._living()):
            return None
        self.user_writes += 1
        sf_id = self.rng.choice(living)
        self.org.delete(sf_id, Author.USER, self.now)
        return sf_id

    def _sf_undelete(self) -> str | None:
        gone = [r.id for r in self.org.records.values() if r.deleted and not self._twin(r.external_id)]
        if not gone:
            return None
        self.user_writes += 1
        sf_id = self.rng.choice(gone)
        self.org.undelete(sf_id, self.now)
        return sf_id

    def _twin(self, external_id: str | None) -> bool:
        """Whether a living record has this unique value: Salesforce refuses the undelete then."""
        return external_id is not None and self.org.find(external_id) is not None

    def _pg_insert(self) -> str:
        self.user_writes += 1
        values = {"Flag": False, **self._values("pg")}
        return f"{self.database.insert(values, self.now)} {values}"

    def _pg_update(self) -> str | None:
        if not self.database.rows:
            return None
        self.user_writes += 1
        key, values = self.rng.choice(list(self.database.rows)), self._values("pg")
        self.database.update(key, values, self.now)
        return f"{key} {values}"

    def _pg_delete(self) -> str | None:
        if not self.database.rows:
            return None
        self.user_writes += 1
        key = self.rng.choice(list(self.database.rows))
        self.database.delete(key, self.now)
        return key

    def _inbound(self) -> str | None:
        if self.taking is None:
            start = self.database.position
            if self.faulty and self.rng.random() < 0.15:
                start = max(0, start - self.rng.randrange(1, 5))
            end = min(len(self.org.events), max(start, self.database.position) + self.rng.randrange(1, 4))
            batch = self.org.events[start:end]
            if not batch:
                return None
            self.taking = self.shell.inbound(batch, max(end, self.database.position))
            next(self.taking)
            return f"taken {[(e.id, e.kind.value, e.values, e.author.value) for e in batch]}"
        if next(self.taking, None) is None:
            self.taking = None
            return "committed"
        return None

    def _work(self) -> str:
        if self.working is None:
            self.working = self.shell.work()
        kind = self.rng.random() if self.faulty else 1.0
        self.shell.faults = Faults(refused=kind < 0.06, silent=0.06 <= kind < 0.12)
        stage = next(self.working, None)
        if stage is None:
            self.working = None
        return stage or "settled"

    def _crash(self) -> None:
        self.working = self.taking = None

    def _drain(self) -> bool:
        """Whether everything came to rest within the bound."""
        self.faulty = False
        for _ in range(ROUNDS):
            self.now += 0.3
            self.shell.now = self.now
            resting = not self.database.changes and self.database.position == len(self.org.events)
            if resting and self.working is None and self.taking is None:
                return True
            self.trace.append(f"{self.now:7.2f} inbound {self._inbound()}")
            self.trace.append(f"{self.now:7.2f} worker {self._work()}")
        return False

    def _rest(self) -> list[Violation]:
        if not self._drain():
            return [Violation("bounded", f"not at rest after {ROUNDS} rounds: {self.database.changes}")]
        broken = judge(self._ending())
        before = self._sync_writes()
        allowed = self.user_writes + len(self.database.ledger)
        if before[0] > allowed or before[1] > self.user_writes + len(self.database.ledger) + before[0]:
            broken.append(Violation("economy", f"{before} writes of ours for {self.user_writes} of users"))
        self.database.position = max(0, len(self.org.events) - 6)
        self._drain()
        if self._sync_writes() != before:
            broken.append(Violation("economy", "a redelivery at rest wrote something"))
        return broken

    def _ending(self) -> Ending:
        database, living = self.database, [r for r in self.org.records.values() if not r.deleted]
        return Ending(
            self.step,
            {record.id: record.values for record in living},
            database.rows,
            database.links,
            database.ledger,
            database.parked,
            {record.id: record.external_id for record in living if record.external_id},
            self.org.history,
            database.history,
            EPOCH,
        )

    def _sync_writes(self) -> tuple[int, int]:
        """How many saves of ours Salesforce has seen, and how many rows we have changed."""
        sent = sum(event.author is Author.SYNC for event in self.org.events)
        rows = {
            (key, written.at)
            for (key, _), writes in self.database.history.ever.items()
            for written in writes
            if written.author is Author.SYNC
        }
        return sent, len(rows)

    def digest(self) -> str:
        """What happened, in one word: the same for the same seed."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def play(seed: int, make: MakeShell = Shell) -> tuple[Play, list[Violation]]:
    """Play one history."""
    history = Play(seed, make)
    return history, history.run()
