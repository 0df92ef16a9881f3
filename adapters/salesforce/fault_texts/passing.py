"""Codes of moments that pass: locks, maintenance, overload, allowances."""

from typing import Final

from adapters.salesforce.fault_texts.phrases import ALLOWANCE_RUNBOOK, STEP_PAGE, WAIT
from daemon.domain.failure import FailureKind, Reason
from daemon.domain.fault import Fault

_K = FailureKind
_R = Reason

PASSING: Final[dict[str, Fault]] = {
    "UNABLE_TO_LOCK_ROW": Fault(
        _K.TRANSIENT,
        _R.ROW_LOCK,
        "the record or its parent is locked by another transaction",
        "The org is busy: Salesforce divides a batch into transactions of up to 200 records and locks each record together with its parent, "
        "and another user, job or batch held one of them too long. Many children of one parent make it likely.",
        "Nothing to do: it is tried again by itself. If it persists, lower the step's `batch_size`, and look for a job "
        "or an integration that writes the same records at the same hours.",
        page=STEP_PAGE,
    ),
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "the org is being maintained",
        "Salesforce upgrades or moves the instance; the org can be read and not written. It takes minutes to hours.",
        "Wait until the maintenance is over. " + WAIT,
    ),
    "SERVER_UNAVAILABLE": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "Salesforce is too busy",
        "The instance is overloaded or restarts.",
        WAIT + " If it lasts for more than an hour, look at Salesforce's status page for the instance.",
    ),
    "UNKNOWN_EXCEPTION": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "Salesforce failed inside",
        "A defect or an overload on Salesforce's side; the message carries an error id.",
        WAIT + " If it lasts, give the error id of the message to Salesforce support.",
    ),
    "QUERY_TIMEOUT": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "a query took too long",
        "The query looks through too many records, mostly because no field of the condition has an index.",
        "If it lasts, ask Salesforce for an index on the fields that the step identifies records by, or archive old records.",
        page=STEP_PAGE,
    ),
    "TXN_SECURITY_METERING_ERROR": Fault(
        _K.TRANSIENT,
        _R.OTHER,
        "a transaction security policy was too slow",
        "A policy of the org examines each request and did not answer in time.",
        WAIT + " If it lasts, ask the administrator about the policies that apply to the integration user.",
    ),
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": Fault(
        _K.TRANSIENT,
        _R.OTHER,
        "rolled back because of another record",
        "Another record of the same call failed and took this one with it.",
        WAIT,
    ),
    "INVALID_QUERY_LOCATOR": Fault(
        _K.TRANSIENT,
        _R.OTHER,
        "a query's cursor has expired",
        "The next page of a query was asked for too late, or the user has too many cursors open.",
        WAIT,
    ),
    "REQUEST_LIMIT_EXCEEDED": Fault(
        _K.LIMITED,
        _R.LIMIT,
        "the org's API allowance is used up",
        "`TotalRequests Limit exceeded` means that all clients together have spent the calls of the last 24 hours; "
        "`ConcurrentRequests` means that too many long calls run at once.",
        "The daemon waits and goes on by itself. See in Setup > System Overview which client spends the allowance.",
        page=ALLOWANCE_RUNBOOK,
    ),
    "API_CURRENTLY_DISABLED": Fault(
        _K.LIMITED,
        _R.LIMIT,
        "the API is switched off for now",
        "Salesforce or an administrator switched the API of this org off, mostly for the length of an operation.",
        "Ask the administrator, or wait.",
    ),
    "LIMIT_EXCEEDED": Fault(
        _K.LIMITED,
        _R.LIMIT,
        "a limit of the org is reached",
        "The message says which one: custom objects, e-mails, jobs, or the rate of one endpoint.",
        "Ask the administrator to free what the message names. The daemon goes on by itself then.",
    ),
    "STORAGE_LIMIT_EXCEEDED": Fault(
        _K.LIMITED,
        _R.LIMIT,
        "the org's data storage is full",
        "Nothing can be created until there is room; updates may still pass.",
        "Free or buy storage in Salesforce (Setup > Storage Usage).",
    ),
    "EXCEEDED_ID_LIMIT": Fault(
        _K.LIMITED,
        _R.LIMIT,
        "too many ids in one answer",
        "More records were changed or deleted in the span that was asked for than Salesforce lists at once.",
        "Nothing to do: a shorter span is asked for. If it lasts, report it as a defect of Isthmus.",
    ),
}
