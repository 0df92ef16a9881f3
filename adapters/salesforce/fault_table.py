"""What Salesforce's error codes mean to a sync: the explanations put together, and the chapters of the catalogue."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from adapters.salesforce.fault_texts.governors import GOVERNORS
from adapters.salesforce.fault_texts.login import LOGIN
from adapters.salesforce.fault_texts.passing import PASSING
from adapters.salesforce.fault_texts.records import AUTOMATION, STATE, TWINS, VALUES
from adapters.salesforce.fault_texts.rights import MAPPING, OURS, RIGHTS, SESSION
from adapters.salesforce.fault_texts.transport import CALLS, STATUSES, STREAM
from daemon.domain.fault import Chapter, Fault

FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {**PASSING, **SESSION, **TWINS, **VALUES, **AUTOMATION, **STATE, **RIGHTS, **MAPPING, **OURS}
)
"""By `errorCode` or `statusCode`."""

TOKEN_FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        **LOGIN,
        "OAUTH_APP_BLOCKED": SESSION["OAUTH_APP_BLOCKED"],
        "server_error": PASSING["UNKNOWN_EXCEPTION"],
        "temporarily_unavailable": PASSING["SERVER_UNAVAILABLE"],
    }
)
"""By `error` of the token endpoint."""

CHAPTERS: Final = (
    Chapter("Salesforce", "Codes of Salesforce's API, for a whole request or for one record.", FAULTS),
    Chapter(
        "Salesforce automation",
        "What stands in the text of another code, mostly of a trigger or a flow. The record keeps the code of Salesforce; kind and advice are these.",
        GOVERNORS,
    ),
    Chapter(
        "Salesforce login",
        "Answers of Salesforce's token endpoint, and what stands in the way of asking it.",
        {code: fault for code, fault in TOKEN_FAULTS.items() if code not in FAULTS},
    ),
    Chapter(
        "Salesforce calls",
        "Answers without a code, calls without an answer, values that cannot be sent.",
        {**STATUSES, **CALLS},
    ),
    Chapter(
        "Salesforce stream",
        "How a session of the event stream ends; it is taken up again from the stored position.",
        STREAM,
    ),
)
