"""What Salesforce's error codes mean to a sync, as one table.

The codes are those of Salesforce's StatusCode list and of its OAuth endpoints; what each means here is our judgement.
"""

from dataclasses import dataclass
from typing import Final

from daemon.domain.failure import FailureKind, Reason


@dataclass(frozen=True, slots=True)
class Fault:
    """One error code: what sort of failure it is, what it means, and one sentence of advice."""

    kind: FailureKind
    reason: Reason
    meaning: str
    advice: str


_K = FailureKind
_R = Reason
_WAIT: Final = "Nothing to do: it is tried again by itself."
_FIX_VALUE: Final = (
    "Correct the value in PostgreSQL, or the mapping of the field; the change is then tried again."
)
_GRANT: Final = (
    "Grant the integration user's permission set access to the object, its records and the mapped fields."
)
_CHECK_MAPPING: Final = (
    "Compare the mapping with the object's fields, and the integration user's field permissions."
)
_SETUP: Final = "Check the external client app and the credentials in the configuration."

FAULTS: Final[dict[str, Fault]] = {
    # The row, or its parent, is locked by another transaction.
    "UNABLE_TO_LOCK_ROW": Fault(_K.TRANSIENT, _R.ROW_LOCK, "the record or its parent is locked", _WAIT),
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "the org is being maintained",
        "Wait until the maintenance is over. " + _WAIT,
    ),
    "SERVER_UNAVAILABLE": Fault(_K.TRANSIENT, _R.TRANSPORT, "Salesforce is too busy", _WAIT),
    "UNKNOWN_EXCEPTION": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "Salesforce failed inside",
        "If it lasts, give the error id to Salesforce support.",
    ),
    "QUERY_TIMEOUT": Fault(
        _K.TRANSIENT, _R.TRANSPORT, "a query took too long", "Narrow the step's filter, or index its fields."
    ),
    "TXN_SECURITY_METERING_ERROR": Fault(
        _K.TRANSIENT,
        _R.OTHER,
        "a transaction security policy was too slow",
        "Ask the administrator about the policy.",
    ),
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": Fault(
        _K.TRANSIENT, _R.OTHER, "rolled back because of another record", _WAIT
    ),
    "INVALID_QUERY_LOCATOR": Fault(_K.TRANSIENT, _R.OTHER, "a query's cursor has expired", _WAIT),
    # Allowances.
    "REQUEST_LIMIT_EXCEEDED": Fault(
        _K.LIMITED,
        _R.LIMIT,
        "the org's API allowance is used up",
        "See which client uses it; the daemon waits.",
    ),
    "API_CURRENTLY_DISABLED": Fault(
        _K.LIMITED, _R.LIMIT, "the API is switched off for now", "Ask the administrator, or wait."
    ),
    "LIMIT_EXCEEDED": Fault(
        _K.LIMITED, _R.LIMIT, "a limit of the org is reached", "Ask the administrator which one."
    ),
    "STORAGE_LIMIT_EXCEEDED": Fault(
        _K.LIMITED, _R.LIMIT, "the org's data storage is full", "Free or buy storage in Salesforce."
    ),
    "EXCEEDED_ID_LIMIT": Fault(
        _K.LIMITED, _R.LIMIT, "too many ids in one answer", "Ask for a shorter span of time."
    ),
    "TXN_SECURITY_RUNTIME_EXCEPTION": Fault(
        _K.PERMISSION,
        _R.PERMISSION,
        "a transaction security policy refused",
        "Ask the administrator about the policy.",
    ),
    # The session and the application.
    "INVALID_SESSION_ID": Fault(_K.AUTHENTICATION, _R.PERMISSION, "the session has ended", _SETUP),
    "INVALID_AUTH_HEADER": Fault(_K.AUTHENTICATION, _R.PERMISSION, "the token is malformed", _SETUP),
    "OAUTH_APP_BLOCKED": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the app is blocked",
        "An administrator must unblock the app in Setup.",
    ),
    "API_DISABLED_FOR_ORG": Fault(
        _K.PERMISSION,
        _R.PERMISSION,
        "the user may not use the API",
        "Grant the user the permission API Enabled.",
    ),
    "INVALID_LOGIN": Fault(_K.AUTHENTICATION, _R.PERMISSION, "the login is refused", _SETUP),
    # Another record is the same.
    "DUPLICATES_DETECTED": Fault(
        _K.DUPLICATE,
        _R.DUPLICATE,
        "a duplicate rule found a similar record",
        "Link the record that was found, or let the integration user save duplicates.",
    ),
    "DUPLICATE_VALUE": Fault(
        _K.DUPLICATE,
        _R.DUPLICATE,
        "another record holds this unique value",
        "Link that record, or correct the value that must be unique.",
    ),
    "DUPLICATE_EXTERNAL_ID": Fault(
        _K.AMBIGUOUS,
        _R.DUPLICATE,
        "several records hold this external id",
        "Merge or correct the records, and make the External ID field unique.",
    ),
    "MULTIPLE_CHOICES": Fault(
        _K.AMBIGUOUS,
        _R.DUPLICATE,
        "several records hold this external id",
        "Merge or correct the records, and make the External ID field unique.",
    ),
    # This record, as it is, will not pass.
    "REQUIRED_FIELD_MISSING": Fault(
        _K.REJECTED,
        _R.REQUIRED_MISSING,
        "a required field is empty",
        "Fill the field, or map a constant to it.",
    ),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": Fault(
        _K.REJECTED,
        _R.VALIDATION_RULE,
        "a validation rule refused the record",
        "Correct the value, or ask the administrator about the validation rule.",
    ),
    "FIELD_FILTER_VALIDATION_EXCEPTION": Fault(
        _K.REJECTED, _R.VALIDATION_RULE, "a lookup filter refused the reference", _FIX_VALUE
    ),
    "FIELD_INTEGRITY_EXCEPTION": Fault(
        _K.REJECTED, _R.VALIDATION_RULE, "a value does not fit its field", _FIX_VALUE
    ),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "the picklist does not have this value",
        "Add the value to the mapping or picklist.",
    ),
    "STRING_TOO_LONG": Fault(_K.REJECTED, _R.CONSTRAINT, "a text is longer than its field", _FIX_VALUE),
    "NUMBER_OUTSIDE_VALID_RANGE": Fault(_K.REJECTED, _R.CONSTRAINT, "a number is out of range", _FIX_VALUE),
    "INVALID_EMAIL_ADDRESS": Fault(_K.REJECTED, _R.CONSTRAINT, "an e-mail address is malformed", _FIX_VALUE),
    "INVALID_TYPE_ON_FIELD_IN_RECORD": Fault(
        _K.REJECTED, _R.MAPPING, "a value has the wrong type", _FIX_VALUE
    ),
    "JSON_PARSER_ERROR": Fault(_K.REJECTED, _R.MAPPING, "a value has the wrong type", _FIX_VALUE),
    "MALFORMED_ID": Fault(_K.REJECTED, _R.MAPPING, "an id is malformed or of another object", _FIX_VALUE),
    "DELETE_FAILED": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "the record cannot be deleted",
        "Delete the records that depend on it first.",
    ),
    "DEPENDENCY_EXISTS": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "other records depend on it",
        "Delete the records that depend on it first.",
    ),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": Fault(
        _K.REJECTED, _R.VALIDATION_RULE, "a trigger refused the record", "Ask the owner of the Apex trigger."
    ),
    "CANNOT_EXECUTE_FLOW_TRIGGER": Fault(
        _K.REJECTED, _R.VALIDATION_RULE, "a flow failed on the record", "Ask the owner of the flow."
    ),
    "FLOW_EXCEPTION": Fault(
        _K.REJECTED, _R.VALIDATION_RULE, "a flow failed on the record", "Ask the owner of the flow."
    ),
    "PROCESSING_HALTED": Fault(
        _K.REJECTED,
        _R.VALIDATION_RULE,
        "stopped because of another failure",
        "See the other failures of this time.",
    ),
    "CANNOT_UPDATE_CONVERTED_LEAD": Fault(
        _K.REJECTED,
        _R.CONVERTED_LEAD,
        "the lead has been converted",
        "Let the step follow the lead to its contact or account, or unlink it.",
    ),
    "CANNOT_REPARENT_RECORD": Fault(
        _K.REJECTED, _R.CONSTRAINT, "the record cannot get another parent", _FIX_VALUE
    ),
    "ENTITY_IS_LOCKED": Fault(
        _K.REJECTED, _R.ROW_LOCK, "an approval process holds the record", "Finish or recall the approval."
    ),
    "ENTITY_IS_ARCHIVED": Fault(
        _K.REJECTED, _R.CONSTRAINT, "the record is archived", "Leave it out by a filter."
    ),
    "TRANSFER_REQUIRES_READ": Fault(
        _K.PERMISSION, _R.PERMISSION, "the new owner may not read the record", _GRANT
    ),
    "INACTIVE_OWNER_OR_USER": Fault(
        _K.REJECTED, _R.CONSTRAINT, "the owner is not active", "Map an active owner."
    ),
    "INVALID_PERSON_ACCOUNT_OPERATION": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "not possible for a person account",
        "Write person accounts through Account.",
    ),
    # Rights and mapping.
    "INSUFFICIENT_ACCESS": Fault(_K.PERMISSION, _R.PERMISSION, "the user lacks a permission", _GRANT),
    "INSUFFICIENT_ACCESS_OR_READONLY": Fault(
        _K.PERMISSION, _R.PERMISSION, "the user may not write this", _GRANT
    ),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Fault(
        _K.PERMISSION, _R.PERMISSION, "the user may not use the referenced record", _GRANT
    ),
    "FORBIDDEN": Fault(_K.PERMISSION, _R.PERMISSION, "the user may not do this", _GRANT),
    "INVALID_FIELD": Fault(
        _K.CONFIGURATION, _R.MAPPING, "the object has no such field for this user", _CHECK_MAPPING
    ),
    "INVALID_FIELD_FOR_INSERT_UPDATE": Fault(
        _K.CONFIGURATION, _R.MAPPING, "the field cannot be written by this user", _CHECK_MAPPING
    ),
    "INVALID_TYPE": Fault(
        _K.CONFIGURATION, _R.MAPPING, "there is no such object for this user", _CHECK_MAPPING
    ),
    "MALFORMED_QUERY": Fault(
        _K.CONFIGURATION, _R.MAPPING, "a query is malformed", "Correct the step's SOQL filter."
    ),
    "INVALID_QUERY_FILTER_OPERATOR": Fault(
        _K.CONFIGURATION, _R.MAPPING, "a filter does not fit its field", "Correct the step's SOQL filter."
    ),
    "INVALIDJOB": Fault(_K.CONFIGURATION, _R.MAPPING, "a bulk job is not possible", _CHECK_MAPPING),
    "INVALID_REPLICATION_DATE": Fault(
        _K.CONFIGURATION, _R.OTHER, "the span of time is too old", "Run a comparison of the whole object."
    ),
    # Other records.
    "INVALID_CROSS_REFERENCE_KEY": Fault(
        _K.REFERENCE,
        _R.CONSTRAINT,
        "a referenced record is missing",
        "It is tried again when that record is synced.",
    ),
    "ENTITY_IS_DELETED": Fault(
        _K.MISSING,
        _R.DELETED,
        "the record is in the recycle bin",
        "Undelete it, or let the deletion be propagated.",
    ),
    "NOT_FOUND": Fault(
        _K.MISSING,
        _R.DELETED,
        "there is no such record for this user",
        "Check whether it was deleted, or is not shared.",
    ),
    "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE": Fault(
        _K.CONFLICT, _R.OTHER, "the record has changed meanwhile", _WAIT
    ),
    "MATCH_PRECONDITION_FAILED": Fault(_K.CONFLICT, _R.OTHER, "the record has changed meanwhile", _WAIT),
    "PRECONDITION_FAILED": Fault(_K.CONFLICT, _R.OTHER, "the record has changed meanwhile", _WAIT),
    # Our own mistakes.
    "EXCEEDED_MAX_SIZE_REQUEST": Fault(
        _K.DEFECT, _R.OTHER, "a request was too large", "Lower the batch size."
    ),
    "METHOD_NOT_ALLOWED": Fault(
        _K.DEFECT, _R.OTHER, "a request was malformed", "Report it as a defect of Isthmus."
    ),
    "UNSUPPORTED_API_VERSION": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "the org does not serve this API version",
        "Correct the configured API version.",
    ),
}

TOKEN_FAULTS: Final[dict[str, Fault]] = {
    "invalid_grant": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the grant is refused",
        "Read the description: authorise the user for the app, or renew the certificate or refresh token.",
    ),
    "invalid_client_id": Fault(_K.AUTHENTICATION, _R.PERMISSION, "no such client id", _SETUP),
    "invalid_client": Fault(_K.AUTHENTICATION, _R.PERMISSION, "the client secret is wrong", _SETUP),
    "invalid_app_access": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the user may not use the app",
        "Pre-authorise the user for the app in Setup.",
    ),
    "inactive_user": Fault(
        _K.AUTHENTICATION, _R.PERMISSION, "the user is not active", "Activate the user in Setup."
    ),
    "inactive_org": Fault(_K.AUTHENTICATION, _R.PERMISSION, "the org is locked or closed", "Ask Salesforce."),
    "unsupported_grant_type": Fault(
        _K.CONFIGURATION,
        _R.PERMISSION,
        "the app does not allow this flow",
        "Enable the flow for the app in Setup.",
    ),
    "redirect_uri_mismatch": Fault(_K.CONFIGURATION, _R.PERMISSION, "the redirect address differs", _SETUP),
    "rate_limit_exceeded": Fault(
        _K.LIMITED, _R.LIMIT, "too many logins", "Wait; something else may log in often."
    ),
    "OAUTH_APP_BLOCKED": FAULTS["OAUTH_APP_BLOCKED"],
    "OAUTH_APPROVAL_ERROR_GENERIC": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the approval failed",
        "An administrator must approve the app for the user.",
    ),
    "server_error": FAULTS["UNKNOWN_EXCEPTION"],
    "temporarily_unavailable": FAULTS["SERVER_UNAVAILABLE"],
}
