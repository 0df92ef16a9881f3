"""What jobs of both kinds have in common: ids, states and the way they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from adapters.emulator.bulk.sheet import delimiter_of, line_end_of
from adapters.emulator.clock import rest_datetime
from adapters.emulator.errors import RequestRefused
from adapters.emulator.http import Call
from adapters.emulator.org import Org

API_KIND = "bulk"


class JobState(StrEnum):
    """The states of a job."""

    OPEN = "Open"
    UPLOAD_COMPLETE = "UploadComplete"
    IN_PROGRESS = "InProgress"
    COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"


ENDED = frozenset({JobState.COMPLETE, JobState.FAILED, JobState.ABORTED})
_KEPT_SECONDS = 7 * 86_400
_MOST_JOBS = 1000
_MOST_ROWS = 2_000_000


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What every job is made with: its id, who asked for it and when, and its form of CSV."""

    id: str
    user_id: str
    created: str
    version: str
    delimiter_name: str
    line_end_name: str


@dataclass(slots=True, kw_only=True)
class Job:
    """A job. `polls` counts how often it was looked at before its end, `rows` is how many it keeps of its upload or its result."""

    request: JobRequest
    operation: str
    entity: str
    state: JobState
    rows: int = 0
    processed: int = 0
    failed: int = 0
    polls: int = 0
    error: str | None = None

    @property
    def delimiter(self) -> str:
        """The character between columns."""
        return delimiter_of(self.request.delimiter_name)

    @property
    def line_end(self) -> str:
        """The characters between lines."""
        return line_end_of(self.request.line_end_name)

    def shown(self) -> dict[str, object]:
        """The job as the API shows it."""
        answer: dict[str, object] = {
            "id": self.request.id,
            "operation": self.operation,
            "object": self.entity,
            "createdById": self.request.user_id,
            "createdDate": self.request.created,
            "systemModstamp": self.request.created,
            "state": self.state.value,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.request.version),
            "lineEnding": self.request.line_end_name,
            "columnDelimiter": self.request.delimiter_name,
        }
        if self.state in ENDED:
            answer |= {
                "numberRecordsProcessed": self.processed,
                "retries": 0,
                "totalProcessingTime": 10 + self.processed,
            }
        if self.error is not None:
            answer["errorMessage"] = self.error
        return answer


class JobShelf:
    """The jobs of one kind, by id: those of seven days, but at most 1,000 with 2,000,000 rows in all. The oldest go first, the newest never."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self._jobs: dict[str, Job] = {}

    def request(self, call: Call, given: dict[str, object]) -> JobRequest:
        """What a new job takes from its request. Raises RequestRefused."""
        if str(given.get("contentType") or "CSV") != "CSV":
            raise RequestRefused(400, "INVALIDJOB", "contentType must be CSV")
        request = JobRequest(
            id=self.org.records.ids.new("750"),
            user_id=call.user_id,
            created=self.org.clock.stamp(),
            version=call.version,
            delimiter_name=str(given.get("columnDelimiter") or "COMMA"),
            line_end_name=str(given.get("lineEnding") or "LF"),
        )
        delimiter_of(request.delimiter_name)
        line_end_of(request.line_end_name)
        return request

    def put(self, job: Job) -> None:
        """Keep a new job, and let go of old ones."""
        self._jobs[job.request.id] = job
        rows = sum(item.rows for item in self._jobs.values())
        for old in list(self._jobs.values())[:-1]:
            if not (self._is_expired(old) or len(self._jobs) > _MOST_JOBS or rows > _MOST_ROWS):
                break
            rows -= old.rows
            del self._jobs[old.request.id]

    def find(self, call: Call) -> Job:
        """The job a call names. Raises RequestRefused."""
        job = self._jobs.get(call.arguments["id"])
        if job is None or job.request.user_id != call.user_id or self._is_expired(job):
            raise RequestRefused(404, "NOT_FOUND", "The requested resource does not exist")
        return job

    def remove(self, job: Job) -> None:
        """Forget a job that has ended. Raises RequestRefused for one that has not."""
        if job.state not in ENDED:
            raise RequestRefused(400, "INVALIDJOBSTATE", f"A job in state {job.state} cannot be deleted")
        del self._jobs[job.request.id]

    def all(self) -> list[Job]:
        """All jobs, oldest first."""
        return [job for job in self._jobs.values() if not self._is_expired(job)]

    def step(self, job: Job) -> bool:
        """Count a look at a running job; tells whether it is time to end it."""
        job.polls += 1
        if job.polls <= self.org.switches.bulk_steps - 1:
            job.state = JobState.IN_PROGRESS
            return False
        return True

    def _is_expired(self, job: Job) -> bool:
        return job.request.created < rest_datetime(self.org.clock.now() - _KEPT_SECONDS)
