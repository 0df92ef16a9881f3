"""The org's API allowance, as each answer reports it, and as the org tells it when it is asked.

Salesforce documents the header `Sforce-Limit-Info: api-usage=18/15000`, which may go on with a per-app part, so it is
searched and not matched whole.
"""

import re
from collections.abc import Mapping
from typing import Final

from daemon.ports.salesforce import Limits

_USAGE: Final = re.compile(r"(?:^|[;,\s])api-usage=(\d{1,12})/(\d{1,12})", re.ASCII)


def parse_limit_info(header: str | None) -> Limits | None:
    """The allowance that a Sforce-Limit-Info header tells, or None."""
    found = _USAGE.search(header) if header else None
    return Limits(int(found[1]), int(found[2])) if found else None


def parse_limits(document: object) -> Limits | None:
    """The allowance in the answer of the resource `limits`, documented as `{"DailyApiRequests":{"Max":15000,"Remaining":14998}}`; or None."""
    entry = document.get("DailyApiRequests") if isinstance(document, Mapping) else None
    most, left = (entry.get("Max"), entry.get("Remaining")) if isinstance(entry, Mapping) else (None, None)
    return Limits(most - left, most) if isinstance(most, int) and isinstance(left, int) else None
