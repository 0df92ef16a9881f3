"""What settling leaves to be written beside the rows, gathered pair by pair and stored in one go."""

from dataclasses import dataclass, field
from datetime import datetime

from daemon.domain.action import Run
from daemon.domain.change import Change, ChangeKind
from daemon.domain.link import Link
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.flow.pairing import Pair
from daemon.ports.store import Deferral, JournalEntry, LedgerLine


@dataclass(slots=True)
class Effects:
    """What one settled group leaves to be written beside the rows."""

    links: list[Link] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    deferred: list[Deferral] = field(default_factory=list)
    stored: list[Change] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)
    ledger: list[LedgerLine] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    latencies: list[tuple[Step, datetime]] = field(default_factory=list)


def reread(pair: Pair) -> Change:
    """The wish to read a pair's record again."""
    return Change(
        step=pair.seen.step.name,
        side=Side.SALESFORCE,
        kind=ChangeKind.REREAD,
        source=pair.seen.source,
        at=pair.seen.at,
        sf_id=pair.seen.sf_id,
        key=pair.key,
    )
