"""Writing very many records at once: a job of Bulk API 2.0, which Salesforce works off in its own time.

A job is prepared, started, and awaited, and each of these may fail without the others. What matters is whether the job may still
write: until that is excluded, nobody else may write its records. So a job's id is kept before it is started, and whoever finds one that was
kept ends it first.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.ports.salesforce import RecordWrite, WriteResult

NOT_BY_BULK: Final = "not_by_bulk"
"""The code of a write that a job did not come to, or would not take: nothing of it was done."""


_LONGEST: Final = 500


def not_by_bulk(why: str) -> Failure:
    """A write that a job did not come to, or would not take. It has been tried by nobody: no attempt is counted."""
    return Failure(
        FailureKind.BUSY,
        Reason.TRANSPORT,
        NOT_BY_BULK,
        f"Salesforce did not take it in bulk: {why[:_LONGEST]}",
        "Nothing to do: it is sent again by itself, in a smaller request.",
    )


class BulkWriter(Protocol):
    """Jobs that write records. Safe to call from several tasks."""

    def carries(self, write: RecordWrite) -> bool:
        """Whether a job can carry this write, and says of it afterwards what a call of its own would say.

        A create needs an external id, because a job's results come in no order; a conditional update is none for a job.
        """
        ...

    async def prepare(self, name: str, writes: Sequence[RecordWrite]) -> str:
        """Give a job these writes of one object and one `call`, and return its id. Nothing is done before `outcome` is asked for.

        No two of them may have the same id or external id. Raises CallFailedError: then no job will ever do anything.
        """
        ...

    async def outcome(self, job: str, writes: Sequence[RecordWrite], deadline: float) -> list[WriteResult]:
        """Start the job, if that is not done, wait for its end, and give a result for each write, in order.

        At `deadline`, by the monotonic clock, a job that has not ended is aborted. A write that it did not come to fails with the code
        `NOT_BY_BULK`; one of which nothing is told, with kind UNKNOWN_OUTCOME. After either the job does nothing more. Raises CallFailedError while
        it is not known whether the job has ended: then it may be asked for again.
        """
        ...

    async def end(self, job: str) -> bool:
        """Abort a job that has not ended; whether it does nothing more by now. Raises CallFailedError while that is not known."""
        ...


class BulkNote(Protocol):
    """The one job that may be under way, kept so that it outlives the process. Written under the lease alone."""

    async def keep(self, job: str | None) -> None:
        """Keep a job's id, or that there is none. Raises CallFailedError, and LeaseLostError."""
        ...

    async def kept(self) -> str | None:
        """The job that is kept. Raises CallFailedError."""
        ...
