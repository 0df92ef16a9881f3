"""Record locks: who holds which record while a transaction has not ended.

A save locks its record and the parents that Salesforce locks with it. Another transaction that wants one of them is refused at once with
UNABLE_TO_LOCK_ROW; Salesforce would wait up to ten seconds first. Locks matter only while some are held: transactions that end where they began
(`transaction_seconds` 0, no lock set by hand) never touch this.
"""

from __future__ import annotations

from collections.abc import Iterable

from adapters.emulator.clock import liveness
from adapters.emulator.errors import RecordRefused


class Locks:
    """The held records. A holder is any object: a transaction, or a hand that locks on a tester's behalf."""

    def __init__(self) -> None:
        self._holders: dict[str, object] = {}
        self._made: dict[str, object] = {}
        self._by_hand: dict[str, float] = {}

    @property
    def held(self) -> bool:
        """Whether any record is locked."""
        return bool(self._holders or self._by_hand)

    def claim(self, holder: object, record_ids: Iterable[str]) -> None:
        """Lock records for a holder. Raises RecordRefused, and locks none, when another has one of them."""
        wanted = list(record_ids)
        for record_id in wanted:
            if self._holders.get(record_id, holder) is not holder or self._is_held_by_hand(record_id):
                raise RecordRefused(
                    "UNABLE_TO_LOCK_ROW",
                    f"unable to obtain exclusive access to this record or 1 records: {record_id}",
                )
        self._holders.update(dict.fromkeys(wanted, holder))

    def made(self, holder: object, record_id: str) -> None:
        """Note that the holder made a record, which others do not see before the holder ends."""
        self._made[record_id] = holder

    def hidden_from(self, holder: object, record_id: str) -> bool:
        """Whether the record was made by another transaction that has not ended."""
        return self._made.get(record_id, holder) is not holder

    def release(self, holder: object) -> None:
        """Give up everything a holder has."""
        self._holders = {key: value for key, value in self._holders.items() if value is not holder}
        self._made = {key: value for key, value in self._made.items() if value is not holder}

    def hold_by_hand(self, record_id: str, seconds: float) -> None:
        """Lock a record for that long, or until `release_by_hand`."""
        self._by_hand[record_id] = liveness() + seconds

    def release_by_hand(self) -> int:
        """Give up all locks set by hand; gives how many there were."""
        count = len(self._by_hand)
        self._by_hand.clear()
        return count

    def _is_held_by_hand(self, record_id: str) -> bool:
        until = self._by_hand.get(record_id)
        if until is None:
            return False
        if until <= liveness():
            del self._by_hand[record_id]
            return False
        return True
