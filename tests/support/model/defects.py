"""Defects planted into the model shell, and the oracle that each of them must wake.

Each is one hook of the shell done wrong in a way that a plausible daemon does it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from daemon.domain.change import ChangeKind
from daemon.domain.link import Link
from daemon.domain.mapping import Step
from daemon.domain.plan import LedgerEntry, Plan
from daemon.domain.value import Values
from daemon.reconcile.fence import Worth
from tests.support.model.database import Database
from tests.support.model.history import MakeShell
from tests.support.model.org import Event, Org
from tests.support.model.record import Author
from tests.support.model.settling import Observation, Settling
from tests.support.model.shell import Case, Shell


class NoFence(Shell):
    """Applies whatever the stream tells, in the order of its arrival."""

    def judge(self, link: Link, event: Event) -> Worth:
        return Worth.NEWS

    def waits(self, link: Link | None, event: Event) -> bool:
        return link is None and super().waits(link, event)


class DropsEchoes(Shell):
    """Takes an event of our own origin for an echo and throws it away."""

    def take(self, event: Event) -> None:
        if event.author is not Author.SYNC or event.kind is not ChangeKind.UPDATE:
            super().take(event)


class Unconditional(Shell):
    """Writes on what it last knew, without reading and without a condition."""

    def goes_blind(self, case: Case, link: Link) -> bool:
        return not case.theirs and not link.in_doubt and self.covered(link) and super().updates(case, link)

    def since(self, link: Link) -> datetime | None:
        return None


class MovesPositionFirst(Shell):
    """Stores where the stream stands before the events are applied."""

    def inbound(self, events: list[Event], position: int) -> Iterator[str]:
        self.database.position = position
        yield from super().inbound(events, position)


class TrustsBothClocks(Shell):
    """Compares the two servers' clocks as they are."""

    def __init__(self, step: Step, org: Org, database: Database, offset: float) -> None:
        super().__init__(step, org, database, 0 * offset)


class _SwappedBase(Settling):
    def moved(self, link: Link, seen: Observation) -> Link:
        row = self.database.rows.get(link.key, {})
        return super().moved(replace(link, base={**link.base, **row}), seen)


class SwapsBase(Shell):
    """Takes the row for what both sides agreed on."""

    settling = _SwappedBase


class ForgetsLosers(Shell):
    """Sends the winner of a conflict and writes the loser down only where the reply settles, when it is gone."""

    def mark(self, case: Case, link: Link, plan: Plan, values: Values, read: Observation | None) -> None:
        super().mark(case, link, replace(plan, ledger=()), values, read)


class _NoWindow(Settling):
    def unseen(self, seen: Observation, base: Values) -> list[LedgerEntry]:
        return []


class TrustsItsReadBack(Shell):
    """Believes that whatever is older than the answer to a write has been seen."""

    settling = _NoWindow


class IgnoresHeldValues(Shell):
    """Goes by the base although it leaves out a value of Salesforce's that nobody has decided about."""

    def behind(self, link: Link) -> bool:
        return False


class CreatesPlainly(Shell):
    """Inserts without looking for what an earlier try may have made, into a field that nobody keeps unique."""

    def search(self, external_id: str) -> str | None:
        self.org.unique = False
        return None


DEFECTS: Final[dict[str, tuple[MakeShell, str]]] = {
    "no_fence": (NoFence, "regression"),
    "drops_echoes": (DropsEchoes, "convergence"),
    "unconditional": (Unconditional, "vanish"),
    "moves_position_first": (MovesPositionFirst, "convergence"),
    "trusts_both_clocks": (TrustsBothClocks, "winner"),
    "swaps_base": (SwapsBase, "convergence"),
    "forgets_losers": (ForgetsLosers, "vanish"),
    "trusts_its_read_back": (TrustsItsReadBack, "vanish"),
    "creates_plainly": (CreatesPlainly, "links"),
    "ignores_held_values": (IgnoresHeldValues, "winner"),
}
