"""All versioned resources together, with the allowance of API calls."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.emulator.bulk.ingest import IngestJobs
from adapters.emulator.bulk.query import QueryJobs
from adapters.emulator.errors import RecordRefused, RequestRefused
from adapters.emulator.faults import Faults
from adapters.emulator.http import Call, Handler, Reply, Route, Router
from adapters.emulator.org import Org
from adapters.emulator.rest.collections import Collections
from adapters.emulator.rest.composite import Composite
from adapters.emulator.rest.queries import Queries
from adapters.emulator.rest.replication import Replication
from adapters.emulator.rest.rows import Rows
from adapters.emulator.rest.schemas import Schemas, supported
from adapters.emulator.store.permissions import SystemPermission

_APP_NAME = "Isthmus"
_WRONG_LEVEL = "This session is not valid for use with the REST API"


class RestApi:
    """Finds the resource of a call and answers it. Every call counts against the daily allowance; the parts of a Composite do not."""

    def __init__(self, org: Org, faults: Faults) -> None:
        self._org = org
        self.used_calls = 0
        families: Sequence[Sequence[Route]] = (
            Schemas(org, lambda: self.used_calls).routes(),
            Replication(org).routes(),
            Queries(org).routes(),
            Collections(org, faults).routes(),
            Composite(org, self.dispatch).routes(),
            QueryJobs(org).routes(),
            IngestJobs(org, faults).routes(),
            Rows(org).routes(),
        )
        self._router = Router([route for family in families for route in family])

    def kind(self, method: str, segments: tuple[str, ...]) -> str:
        """The kind of API of a path, for the journal and the faults; `unknown` for a path that leads nowhere."""
        try:
            return self._router.find(method, segments)[0].kind
        except RequestRefused:
            return "unknown"

    def handle(self, call: Call) -> Reply:
        """Answer a call from outside. Refusals come back as answers."""
        self.used_calls += 1
        try:
            self._admit(call)
            return self.dispatch(call)
        except RequestRefused as refusal:
            return Reply(refusal.status, refusal.as_body())

    def dispatch(self, call: Call) -> Reply:
        """Answer a call or a part of one. Raises RequestRefused."""
        route, call.arguments = self._router.find(call.method, call.segments)
        handler: Handler = route.handler
        try:
            return handler(call)
        except RecordRefused as refusal:
            raise RequestRefused.because(refusal) from None

    def _admit(self, call: Call) -> None:
        if self._org.switches.high_assurance_profiles:
            raise RequestRefused(401, "INVALID_SESSION_ID", _WRONG_LEVEL)
        if not self._org.records.permissions.system_granted(call.user_id, SystemPermission.API_ENABLED):
            raise RequestRefused(
                403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization."
            )
        if call.body and call.method in {"POST", "PATCH"}:
            call.require_type("application/json")
        if not supported(call.version):
            raise RequestRefused(404, "NOT_FOUND", "The requested resource does not exist")
        if self.used_calls > self._org.switches.daily_api_limit:
            raise RequestRefused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")

    def limit_info(self) -> str:
        """The value of the Sforce-Limit-Info header."""
        switches = self._org.switches
        usage = f"api-usage={self.used_calls}/{switches.daily_api_limit}"
        if switches.limit_info_per_app:
            usage += f"; per-app-api-usage={self.used_calls}/{switches.daily_api_limit}(appName={_APP_NAME})"
        return usage
