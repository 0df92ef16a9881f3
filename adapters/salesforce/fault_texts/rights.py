"""Codes that speak of rights, of the mapping, or of our own requests."""

from typing import Final

from adapters.salesforce.fault_texts.phrases import (
    APP_PAGE,
    CHECK_MAPPING,
    CHECK_SETUP,
    DEFECT,
    FIELD_PAGE,
    FIX_FILTER,
    GRANT,
    LOGIN_RUNBOOK,
    RIGHTS_PAGE,
    STEP_PAGE,
)
from daemon.domain.failure import FailureKind, Reason
from daemon.domain.fault import Fault

_K = FailureKind
_R = Reason

SESSION: Final[dict[str, Fault]] = {
    "INVALID_SESSION_ID": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the session has ended",
        "The access token expired or was revoked. A new one is asked for at once; this is shown only when that did not help.",
        CHECK_SETUP,
        page=LOGIN_RUNBOOK,
    ),
    "SESSION_NOT_FOR_API": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the login is accepted, and its session may not use the API",
        "The user's profile wants the session security level High Assurance at login, which a login without a person never has. An app without the scope `api` is answered "
        "in the same way. A new token is not asked for: it would be refused too.",
        "Ask an administrator to set Setup > Profiles > (the user's profile) > Session Settings > Session security level required at login to None, "
        "or to give the user another profile: High Assurance at the level of the profile blocks API use, and the setting of the single user has no effect. See also that the app has the scope `Manage user data via APIs (api)`.",
        page="deploy/salesforce/README.md#1-a-user-for-the-daemon",
    ),
    "INVALID_AUTH_HEADER": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the token is malformed",
        "What the token endpoint gave is not a token for this org's API.",
        CHECK_SETUP,
        page=LOGIN_RUNBOOK,
    ),
    "INVALID_LOGIN": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the login is refused",
        "User name, credential or login host do not belong together, or the user is locked.",
        CHECK_SETUP,
        page=LOGIN_RUNBOOK,
    ),
    "OAUTH_APP_BLOCKED": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "an administrator blocked the app",
        "The org lists the app under Setup > Connected Apps OAuth Usage as blocked, or lets nobody use apps that are not approved.",
        "Ask an administrator to unblock the app in Setup > Connected Apps OAuth Usage. See then that the integration user has "
        "read and write access to all objects and fields that are to be updated, and `View Setup and Configuration` in its profile or permission set.",
        page=APP_PAGE,
    ),
    "API_DISABLED_FOR_ORG": Fault(
        _K.PERMISSION,
        _R.PERMISSION,
        "the user may not use the API",
        "The user lacks the permission API Enabled, or the org's edition has no API.",
        "Grant the user the permission API Enabled: Setup > Permission Sets > (the user's) > System Permissions > API Enabled.",
        page=RIGHTS_PAGE,
    ),
}

RIGHTS: Final[dict[str, Fault]] = {
    "INSUFFICIENT_ACCESS": Fault(
        _K.PERMISSION,
        _R.PERMISSION,
        "the user lacks a permission",
        "The integration user may not do this to this object or record.",
        GRANT,
        page=RIGHTS_PAGE,
    ),
    "INSUFFICIENT_ACCESS_OR_READONLY": Fault(
        _K.PERMISSION,
        _R.PERMISSION,
        "the user may not write this",
        "The record is not shared with the integration user for writing, or the object is read-only for it.",
        GRANT,
        page=RIGHTS_PAGE,
    ),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Fault(
        _K.PERMISSION,
        _R.PERMISSION,
        "the user may not use the referenced record",
        "The record that is referred to, such as the owner, the account or the record type, is not open to the integration user.",
        GRANT,
        names="the reference, if Salesforce says which",
        page=RIGHTS_PAGE,
    ),
    "FORBIDDEN": Fault(
        _K.PERMISSION,
        _R.PERMISSION,
        "the user may not do this",
        "A right of the integration user is missing; the message may say which.",
        GRANT,
        page=RIGHTS_PAGE,
    ),
    "TRANSFER_REQUIRES_READ": Fault(
        _K.PERMISSION,
        _R.PERMISSION,
        "the new owner may not read the record",
        "A record cannot be given to a user who has no read access to its object.",
        "Give the new owner read access to the object, or map another owner.",
        names="the owner",
        page=RIGHTS_PAGE,
    ),
    "TXN_SECURITY_RUNTIME_EXCEPTION": Fault(
        _K.PERMISSION,
        _R.PERMISSION,
        "a transaction security policy refused",
        "A policy of the org forbids this request to the integration user.",
        "Ask the administrator about the policies that apply to the integration user.",
    ),
}

MAPPING: Final[dict[str, Fault]] = {
    "INVALID_FIELD": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "the object has no such field for this user",
        "The field was deleted or renamed, or field-level security hides it: to a user without access a field does not exist.",
        CHECK_MAPPING,
        names="the field, in the message",
        page=RIGHTS_PAGE,
    ),
    "INVALID_FIELD_FOR_INSERT_UPDATE": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "the field cannot be written by this user",
        "The field is read-only for the integration user, or is computed by Salesforce.",
        "Give the integration user edit access to the field, or make the field `direction: pull`.",
        names="the fields that cannot be written",
        page=FIELD_PAGE,
    ),
    "INVALID_TYPE": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "there is no such object for this user",
        "The object was deleted or renamed, or the integration user has no access to it.",
        CHECK_MAPPING,
        page=RIGHTS_PAGE,
    ),
    "MALFORMED_QUERY": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "a query is malformed",
        "Salesforce does not understand a condition.",
        FIX_FILTER,
        page=STEP_PAGE,
    ),
    "INVALID_QUERY_FILTER_OPERATOR": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "a condition does not fit its field",
        "The field's type does not allow the comparison, or the field cannot be filtered by, such as a long text.",
        "Identify records by a field that can be filtered by. " + FIX_FILTER,
        names="the field, in the message",
        page=STEP_PAGE,
    ),
    "INVALIDJOB": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "a bulk job is not possible",
        "The object cannot be read or written in bulk, or a field of the query is not allowed there.",
        CHECK_MAPPING,
    ),
    "INVALID_REPLICATION_DATE": Fault(
        _K.CONFIGURATION,
        _R.OTHER,
        "the span of time is too old",
        "Salesforce lists changed and deleted records of the last 30 days only.",
        "Compare the whole object instead: load the step again.",
    ),
    "UNSUPPORTED_API_VERSION": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "the org does not serve this API version",
        "The version is newer than the org, or has been retired.",
        "Correct `salesforce.api_version` in the configuration.",
        page="docs/configuration.md#the-two-sides",
    ),
}

OURS: Final[dict[str, Fault]] = {
    "EXCEEDED_MAX_SIZE_REQUEST": Fault(
        _K.DEFECT,
        _R.OTHER,
        "a request was too large",
        "The records of one call, with long texts, exceed what Salesforce takes at once.",
        "Lower the step's `batch_size`.",
        page=STEP_PAGE,
    ),
    "METHOD_NOT_ALLOWED": Fault(
        _K.DEFECT,
        _R.OTHER,
        "a request was malformed",
        "Salesforce does not know what was asked of it.",
        DEFECT,
    ),
}
