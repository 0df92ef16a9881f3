"""Codes that speak of one record: its values, its twins, its automation, its state."""

from typing import Final

from adapters.salesforce.fault_texts.phrases import EXTERNAL_ID_PAGE, FIELD_PAGE, FIX_VALUE, STEP_PAGE
from daemon.domain.failure import FailureKind, Reason
from daemon.domain.fault import Fault

_K = FailureKind
_R = Reason

_FIELDS: Final = "the fields whose values were refused"

TWINS: Final[dict[str, Fault]] = {
    "DUPLICATES_DETECTED": Fault(
        _K.DUPLICATE,
        _R.DUPLICATE,
        "a duplicate rule found a similar record",
        "Salesforce takes the new Account, Contact or Lead for a duplicate. `Use one of these records?` is the title of its own dialog, not an "
        "answer. Duplicate rules also compare across objects: a Lead with the Contacts and Accounts there are. They are listed in "
        "Setup > Duplicate Rules, where the org can define its own.",
        "Link the record that was found (isthmus link create), or correct the row. If what a row means may be there already as the other object, "
        "name both as the `destinations` of one step, Lead and Contact or Lead and Account: each row then goes to the record that there is. "
        "As a last resort let the rule allow saving, for the integration user "
        "alone or, with care, for the whole org: real duplicates are then saved too.",
        page=STEP_PAGE,
    ),
    "DUPLICATE_VALUE": Fault(
        _K.DUPLICATE,
        _R.DUPLICATE,
        "another record holds this unique value",
        "A field marked unique has this value in another record, whose id ends the message; a record in the recycle bin counts too.",
        "Link that record (isthmus link create), or correct the value that must be unique.",
        names="the unique field",
        page=EXTERNAL_ID_PAGE,
    ),
    "DUPLICATE_EXTERNAL_ID": Fault(
        _K.AMBIGUOUS,
        _R.DUPLICATE,
        "several records hold this external id",
        "The External ID field is not unique, and the same value was given to more than one record.",
        "Merge or correct the records, and make the External ID field unique.",
        page=EXTERNAL_ID_PAGE,
    ),
    "MULTIPLE_CHOICES": Fault(
        _K.AMBIGUOUS,
        _R.DUPLICATE,
        "several records hold this external id",
        "The External ID field is not unique; the message lists the records that share the value.",
        "Merge or correct the records, and make the External ID field unique.",
        page=EXTERNAL_ID_PAGE,
    ),
}

VALUES: Final[dict[str, Fault]] = {
    "REQUIRED_FIELD_MISSING": Fault(
        _K.REJECTED,
        _R.REQUIRED_MISSING,
        "a required field is empty",
        "A field that the object requires has no value in the row, or is not mapped at all.",
        "Fill the column, give the field a `default`, or map a constant to it. With `mandatory: true` such a row waits quietly until it is complete.",
        names="the fields that are empty",
        page=FIELD_PAGE,
    ),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": Fault(
        _K.REJECTED,
        _R.VALIDATION_RULE,
        "a validation rule refused the record",
        "The org has a rule of its own; the message is the text that its author wrote.",
        "Correct the value, or ask the administrator to let the integration user pass the rule.",
        names="the field that the rule points at, if it points at one",
    ),
    "FIELD_FILTER_VALIDATION_EXCEPTION": Fault(
        _K.REJECTED,
        _R.VALIDATION_RULE,
        "a lookup filter refused the reference",
        "The record that is referred to exists, and the filter of the lookup field does not admit it.",
        FIX_VALUE,
        names="the lookup field",
    ),
    "FIELD_INTEGRITY_EXCEPTION": Fault(
        _K.REJECTED,
        _R.VALIDATION_RULE,
        "a value does not fit its field or the other fields",
        "Many rules report this: a state without its country, an end before its start, a reference to the wrong kind of record.",
        FIX_VALUE,
        names=_FIELDS,
    ),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "the picklist does not have this value",
        "The picklist is restricted, and the value is not in its list or not open to the record's type.",
        "Add the value to the picklist (and to the record type), or map it with `values`.",
        names="the picklist",
        page=FIELD_PAGE,
    ),
    "STRING_TOO_LONG": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "a text is longer than its field",
        "Salesforce never cuts a text; the message gives the field's length.",
        FIX_VALUE,
        names=_FIELDS,
    ),
    "NUMBER_OUTSIDE_VALID_RANGE": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "a number is out of range",
        "The field holds fewer digits than the number has.",
        FIX_VALUE,
        names=_FIELDS,
    ),
    "INVALID_EMAIL_ADDRESS": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "an e-mail address is malformed",
        "Salesforce checks the form of an address and refuses what it does not know.",
        FIX_VALUE,
        names=_FIELDS,
    ),
    "INVALID_TYPE_ON_FIELD_IN_RECORD": Fault(
        _K.REJECTED,
        _R.MAPPING,
        "a value has the wrong type",
        "The column's type changed, or a text holds what the field cannot be made of.",
        FIX_VALUE,
        names=_FIELDS,
        page=FIELD_PAGE,
    ),
    "JSON_PARSER_ERROR": Fault(
        _K.REJECTED,
        _R.MAPPING,
        "a value has the wrong type",
        "Salesforce could not make the field's value out of what was sent, such as a date out of a text.",
        FIX_VALUE,
        names=_FIELDS,
        page=FIELD_PAGE,
    ),
    "MALFORMED_ID": Fault(
        _K.REJECTED,
        _R.MAPPING,
        "an id is malformed or of another object",
        "A column that should hold a Salesforce id of 15 or 18 characters holds something else, or the id of another kind of record.",
        FIX_VALUE,
        names="the reference",
    ),
    "INVALID_CROSS_REFERENCE_KEY": Fault(
        _K.REFERENCE,
        _R.CONSTRAINT,
        "a record that is referred to does not exist in this org",
        "The given Salesforce id does not exist here: the parent is not synced yet or was deleted; or another kind of id was mapped as a Salesforce id; or "
        "the ids come from another environment, such as production's ids in a sandbox.",
        "If the parent is merely not synced yet, nothing: it is tried again when that record is. Otherwise map the reference through `lookup`, "
        "or correct the ids in the table.",
        names="the reference, if Salesforce says which",
        page=FIELD_PAGE,
    ),
}

_LIMITS: Final = (
    " If the message speaks of too many SOQL queries, of CPU time or of heap size, a limit was met: "
    "isthmus explain APEX_TOO_MANY_QUERIES, isthmus explain APEX_CPU_LIMIT, isthmus explain APEX_HEAP_LIMIT."
)
"""What to ask for next: a record that ran into one of these limits keeps the code around it."""

AUTOMATION: Final[dict[str, Fault]] = {
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": Fault(
        _K.REJECTED,
        _R.VALIDATION_RULE,
        "an Apex trigger refused the record or failed on it",
        "The message begins with the trigger's name and ends with what it stumbled over." + _LIMITS,
        "Correct the value if the trigger checks it; otherwise give the message to the owner of the Apex trigger.",
        names="the fields that the trigger complains of, if it does",
    ),
    "CANNOT_EXECUTE_FLOW_TRIGGER": Fault(
        _K.REJECTED,
        _R.VALIDATION_RULE,
        "a flow failed on the record",
        "A record-triggered flow stopped with an error; the message names it." + _LIMITS,
        "Give the message to the owner of the flow.",
    ),
    "FLOW_EXCEPTION": Fault(
        _K.REJECTED,
        _R.VALIDATION_RULE,
        "a flow failed on the record",
        "A flow stopped with an error; the message names it." + _LIMITS,
        "Give the message to the owner of the flow.",
    ),
    "PROCESSING_HALTED": Fault(
        _K.REJECTED,
        _R.VALIDATION_RULE,
        "stopped because of another failure",
        "Something else in the same transaction failed first.",
        "See the other failures of the same time: their cause is this one's too.",
    ),
}

STATE: Final[dict[str, Fault]] = {
    "CANNOT_UPDATE_CONVERTED_LEAD": Fault(
        _K.REJECTED,
        _R.CONVERTED_LEAD,
        "the lead has been converted",
        "A converted lead became a contact and an account, and Salesforce lets nobody write it any more: neither its status nor its e-mail.",
        "Let the step follow the lead to its contact or account (`converted_lead`), or unlink it (isthmus link remove).",
        page=STEP_PAGE,
    ),
    "CANNOT_REPARENT_RECORD": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "the record cannot get another parent",
        "A master-detail field is fixed unless the administrator allows reparenting.",
        "Set the former parent in PostgreSQL, or allow reparenting in the field's definition.",
        names="the reference",
    ),
    "ENTITY_IS_LOCKED": Fault(
        _K.REJECTED,
        _R.ROW_LOCK,
        "an approval process holds the record",
        "A record under approval is locked for everybody but its approvers.",
        "Finish or recall the approval; the change is tried again by itself each hour.",
    ),
    "ENTITY_IS_ARCHIVED": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "the record is archived",
        "Salesforce archives old tasks and events, and archived ones cannot be written.",
        "Unlink the pair (isthmus link remove), or leave it as it is.",
    ),
    "ENTITY_IS_DELETED": Fault(
        _K.MISSING,
        _R.DELETED,
        "the record is in the recycle bin",
        "Somebody deleted it in Salesforce, or merged it into another record.",
        "Undelete it, or let the deletion be propagated (`on_delete`, `delete_conflict`).",
        page=STEP_PAGE,
    ),
    "NOT_FOUND": Fault(
        _K.MISSING,
        _R.DELETED,
        "there is no such record for this user",
        "It was deleted for good, or the integration user may not see it.",
        "Check whether it was deleted, or is not shared with the integration user.",
    ),
    "DELETE_FAILED": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "the record cannot be deleted",
        "Other records depend on it, or automation forbids it; the message lists what stands in the way.",
        "Delete the records that depend on it first.",
    ),
    "DEPENDENCY_EXISTS": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "other records depend on it",
        "A lookup or a setting of the org refers to the record and forbids its deletion.",
        "Delete the records that depend on it first.",
    ),
    "INACTIVE_OWNER_OR_USER": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "the owner is not active",
        "The record would belong to a user who has been deactivated.",
        "Map an active owner.",
        names="the reference to the user",
    ),
    "INVALID_PERSON_ACCOUNT_OPERATION": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "not possible for a person account",
        "A person account is an account and a contact in one; its contact half cannot be made or deleted by itself.",
        "Write person accounts through a step for Account.",
    ),
    "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE": Fault(
        _K.CONFLICT,
        _R.OTHER,
        "the record has changed meanwhile",
        "Somebody changed the record between our reading and our writing it.",
        "Nothing to do: it is read and decided again by itself.",
    ),
    "MATCH_PRECONDITION_FAILED": Fault(
        _K.CONFLICT,
        _R.OTHER,
        "the record has changed meanwhile",
        "Somebody changed the record between our reading and our writing it.",
        "Nothing to do: it is read and decided again by itself.",
    ),
    "PRECONDITION_FAILED": Fault(
        _K.CONFLICT,
        _R.OTHER,
        "the record has changed meanwhile",
        "Salesforce answered 412: the record changed between our reading and our writing it.",
        "Nothing to do: it is read and decided again by itself.",
    ),
}
