"""Places at which a process can be made to fail, so that a test can show what is left of it then.

Each is the boundary between two steps of which the second may never come: a transaction begun and not committed, a
request sent and not answered. The process that serves passes them by; what arms one is another program
(docs/decisions/0012-failpoints.md).
"""

from enum import StrEnum
from typing import Final, Protocol


class Failpoint(StrEnum):
    """The boundaries. A comment says what is true there."""

    # A change event, from Salesforce into the database.
    EVENT_RECEIVED = "event received"  # it is here and not looked at
    EVENTS_DECODED = "events decoded"  # a batch, before its transaction
    INBOUND_BEGUN = "inbound begun"  # the transaction is open, under the lease, and empty
    ROWS_WRITTEN = (
        "rows written"  # the user's rows, not their links; loads and the worker's end come by here too
    )
    LINKS_WRITTEN = "links written"  # links and bases, not the rest of the decision
    POSITION_WRITTEN = "position written"  # everything of the batch, not committed
    INBOUND_DONE = "inbound done"  # committed, and the next batch not asked for

    # A captured row, from the database into Salesforce.
    CHANGES_CLAIMED = "changes claimed"  # the worker has read what is due
    WRITES_MARKED = "writes marked"  # `sent` is committed, and nothing has left
    REQUEST_SENT = "request sent"  # the last byte of a write has left, and nothing has come back
    REPLY_UNREAD = "reply unread"  # Salesforce has done the write, and the body of its answer is not read
    REPLY_PARSED = "reply parsed"  # the outcome of each record is known in memory only
    OUTCOMES_WRITTEN = "outcomes written"  # settled changes, bases and links, not committed
    OUTBOUND_DONE = "outbound done"  # committed, and the next batch not asked for

    # An object read whole: a first load, or the answer to a gap.
    LOAD_BEGUN = "load begun"  # that it runs is stored, and nothing is read
    PAGE_READ = "page read"  # records of Salesforce are here, and none is settled
    PAGE_SETTLED = "page settled"  # settled, not committed
    PAGE_COMMITTED = "page committed"  # committed, with how far it has come
    PAGES_DONE = "pages done"  # everything was read once, and what is missing is not looked for
    MISSING_FOUND = "missing found"  # linked records that were not there are known in memory only
    MISSING_STORED = "missing stored"  # some are stored for the worker to ask after, and others are not
    LOAD_DONE = "load done"  # that it ended is stored

    # Beginning and end of the process.
    COMMIT_UNHEARD = (
        "commit unheard"  # a transaction is committed, and whoever asked for it has not been told
    )
    BETWEEN_STATEMENTS = "between statements"  # one part of our schema or of capture is made, the next is not
    LEASE_TAKEN = "lease taken"  # nothing else has been done under it
    LOGGED_IN = "logged in"  # Salesforce has given a token, and nobody has kept it
    STOPPING = "stopping"  # asked to stop, and what is in hand not yet drained


class Failpoints(Protocol):
    """Told of each point as it is reached."""

    async def reach(self, point: Failpoint) -> None:
        """Return at once; or, in a process that was started to fail here, do not."""
        ...


class NoFailpoints:
    """Nothing happens anywhere."""

    async def reach(self, point: Failpoint) -> None:
        """Return at once."""


NO_FAILPOINTS: Final[Failpoints] = NoFailpoints()
