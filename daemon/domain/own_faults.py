"""The codes that Isthmus itself gives: why a record is held, skipped or parked, what the ledger and the gaps are about."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daemon.domain.failure import FailureKind, Reason
from daemon.domain.fault import Chapter, Fault

_K = FailureKind
_R = Reason

_STEP: Final = "docs/configuration.md#a-step"
_FIELD: Final = "docs/configuration.md#a-field"
NOT_CONNECTED: Final = "NOT_CONNECTED"
"""Nobody has logged in yet."""

_LEDGER: Final = "Look at it with isthmus conflict show; isthmus conflict resolve gives one of the two values to both sides."

PARKED: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        "already_linked": Fault(
            _K.DUPLICATE,
            _R.DUPLICATE,
            "what an identifier matches is linked elsewhere",
            "A row and a record belong to one pair at most, over all steps, and another pair came first.",
            "Look at that pair with isthmus link list; remove its link, or give this record another identifier.",
            page=_STEP,
        ),
        "ambiguous_identifier": Fault(
            _K.AMBIGUOUS,
            _R.DUPLICATE,
            "an identifier matches more than one",
            "Several rows or records hold the same value, and nobody can say which is meant; nothing is written.",
            "Make the identifier unique, or link the pair by hand: isthmus link create.",
            page=_STEP,
        ),
        "converted_lead": Fault(
            _K.REJECTED,
            _R.CONVERTED_LEAD,
            "the lead has been converted",
            "A lead became a contact and an account. Salesforce lets nobody write it any more; parked, the step does not say which record its row follows.",
            "Set `converted_lead` to follow_contact, follow_account, unlink or ignore, or link the row by hand.",
            page=_STEP,
        ),
        "create_in_doubt": Fault(
            _K.UNKNOWN_OUTCOME,
            _R.TRANSPORT,
            "a create was sent and no answer came",
            "Without an external id nobody can say whether the record was made; creating it once more could make a second one.",
            "Look for the record in Salesforce: link it (isthmus link create), or retry to create it. "
            "A unique External ID field (identify: external_id) makes this impossible.",
            page="deploy/salesforce/README.md#6-external-ids",
        ),
        "delete_conflict": Fault(
            _K.REJECTED,
            _R.DELETED,
            "one side deleted what the other has changed",
            "Both happened since the two sides last agreed, and the step does not say which one counts.",
            "Set `delete_conflict` to delete_wins or update_wins, or change the record by hand and retry.",
            page=_STEP,
        ),
        "former_pair": Fault(
            _K.REJECTED,
            _R.OTHER,
            "the step names another object or table than its link",
            "The pair was linked while the step named another object or table. Under the one that it names now its record or row would look deleted, so nothing is read or written.",
            "Give the new pair a step with a name of its own, and the former pair its step back.",
            page=_STEP,
        ),
        "delete_guard": Fault(
            _K.REJECTED,
            _R.DELETED,
            "more deletes at once than the guard allows",
            "Within ten minutes more of the step's records were deleted than `delete_guard` lets travel: a clean-up, or a mistake.",
            "If they are meant: isthmus step allow-delete STEP --count N. If not: restore what was deleted, then isthmus parked retry --code delete_guard.",
            page=_STEP,
        ),
        "truncate": Fault(
            _K.REJECTED,
            _R.DELETED,
            "the table was truncated",
            "TRUNCATE names no rows. The records in Salesforce were kept.",
            "To delete them there as well: isthmus parked retry --code truncate. To bring the rows back: restore them, then retry.",
            page=_STEP,
        ),
        "value_not_mapped": Fault(
            _K.REJECTED,
            _R.MAPPING,
            "a value map does not name the value",
            "The field has `values`, this value is not among them, and its `default` is `reject`.",
            "Add the value to the map of the field, or give its `default` another choice than `reject`.",
            names="the field",
            page=_FIELD,
        ),
        "value_not_readable": Fault(
            _K.REJECTED,
            _R.MAPPING,
            "a value is not of the kind that the mapping expects",
            "A text stands where a number, a date or an id is wanted, mostly in a column of type text.",
            "Correct the value of the field at its source; the record is tried again when it changes.",
            names="the field",
            page=_FIELD,
        ),
        "writes_take_turns": Fault(
            _K.REJECTED,
            _R.OTHER,
            "our writes of a field take turns with somebody's",
            "Within a minute the field was written to both sides three times each, in turn, or was put back three times on one side: automation on "
            "both sides rewrites it, and each write calls for the next. It would go on for ever, at the cost of the org's API allowance. "
            "Nothing is lost: both values are where they were, and the pair's other fields go on.",
            "Look for a flow or Apex trigger in Salesforce, and a trigger or job of the database, that set the field. Take one of them out, or map "
            "the field one way; then: isthmus parked retry --code writes_take_turns. It is tried again each hour all the same.",
            names="the field, in the message",
            page="deploy/runbooks/IsthmusWritesTakeTurns.md",
        ),
    }
)
"""They wait for a person."""

WAITING: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        "bulk_write_left_behind": Fault(
            _K.BUSY,
            _R.TRANSPORT,
            "a bulk job that another process has left may write still",
            "A daemon died while a job was under way, or lost sight of it, and Salesforce does not tell that it has ended. What it was given is in doubt "
            "and waits, because it may be written yet; everything else goes on.",
            "Let the integration user read and abort the job. Where that cannot be, abort it in Setup > Bulk Data Load Jobs, and have it forgotten: "
            "docs/configuration.md#writing-in-bulk.",
            page="docs/configuration.md#writing-in-bulk",
        ),
        "create_unresolved": Fault(
            _K.BUSY,
            _R.TRANSPORT,
            "a create of ours, of which no answer came, may have made this record",
            "The record is there, and which row it belongs to is known only when that create is resolved.",
            "Nothing: it is looked at again as soon as that is known.",
        ),
        "row_renamed": Fault(
            _K.BUSY,
            _R.ROW_LOCK,
            "the row's key has changed, or another row has taken its key, and the stored change that tells of it comes first",
            "An application changed a primary key, and its link has not followed yet: decided now, one row's values could reach another's record.",
            "Nothing: it is tried again every second or two.",
        ),
        "webhook_secret": Fault(
            _K.CONFIGURATION,
            _R.OTHER,
            "the secret that a webhook is signed with cannot be read",
            "Its file, credential or variable is not there, is empty, or is open to every user.",
            "Mend what the message names. Nothing is sent unsigned; the delivery is tried again by itself.",
            page="docs/how-to/run-actions.md",
        ),
        "WEBHOOK_UNREACHABLE": Fault(
            _K.TRANSIENT,
            _R.TRANSPORT,
            "a webhook's address cannot be reached",
            "The host is away, its name is not known, or something on the way refuses the connection.",
            "Check the address and the way to it. It is tried again by itself; once it is parked: isthmus action retry.",
            page="docs/how-to/run-actions.md",
        ),
        "WEBHOOK_TIMEOUT": Fault(
            _K.TRANSIENT,
            _R.TRANSPORT,
            "a webhook's address did not answer within ten seconds",
            "The receiver does its work before it answers, or is overloaded.",
            "Let the receiver answer first and work afterwards. It is tried again by itself; once it is parked: isthmus action retry.",
            page="docs/how-to/run-actions.md",
        ),
        "first_load": Fault(
            _K.REFERENCE,
            _R.OTHER,
            "the object is being read whole for the first time",
            "The record is gone, and the load under way may still meet it as it was.",
            "Nothing: it is looked at again when that is done.",
        ),
        "read_cut_short": Fault(
            _K.TRANSIENT,
            _R.TRANSPORT,
            "reading in bulk was cancelled from inside",
            "The daemon stops, or something in it failed beside the load.",
            "Nothing: the load goes on where it stands.",
        ),
        NOT_CONNECTED: Fault(
            _K.AUTHENTICATION,
            _R.PERMISSION,
            "no Salesforce account is connected",
            "The configuration logs in with a refresh token (`flow: refresh_token`), and no person has logged in yet, so there is none.",
            "Connect first: isthmus connect salesforce. A daemon that waits goes on by itself.",
            page="docs/how-to/connect-salesforce.md#log-in-as-a-person",
        ),
        "API_BUDGET": Fault(
            _K.LIMITED,
            _R.LIMIT,
            "the daemon's own share of the API allowance is nearly spent",
            "Calls are held back by their purpose, the least urgent first, so that the rest of the last 24 hours' allowance is left to others.",
            "Nothing: it goes on as calls become free. Raise `salesforce.limits.api_budget.share`, or load fewer records at once, if it happens each day.",
            page="deploy/runbooks/IsthmusApiBudgetRunningOut.md",
        ),
        "not_sent": Fault(
            _K.BUSY,
            _R.TRANSPORT,
            "Salesforce answered none of the writes before it, so it was not sent",
            "The org is down or busy; sending more would only add to it.",
            "Nothing to do: it is sent as soon as Salesforce answers.",
        ),
        "not_by_bulk": Fault(
            _K.BUSY,
            _R.TRANSPORT,
            "Salesforce did not take it in bulk, so nothing of it was done",
            "The bulk job was refused or ended before it came to the record, or automation ran out of limits for all records of its chunk together.",
            "Nothing to do: no attempt is counted, and it is sent again by itself in a smaller request. If it happens each day, set salesforce.limits.bulk_write_from to off.",
            page="docs/configuration.md#writing-in-bulk",
        ),
        "not_divided": Fault(
            _K.TRANSIENT,
            _R.OTHER,
            "its request was refused as a whole, and in which of its records that lies was not found in this round",
            "Several records of the round were refused one by one for the same reason, and none was taken; to go on would cost a call for each record.",
            "Nothing for this record: no attempt is counted, and it is sent again by itself in other company. Look at what is parked meanwhile.",
        ),
        "waiting_for_reference": Fault(
            _K.REFERENCE,
            _R.OTHER,
            "a record that this one points to is not linked yet",
            "Parents come before children; the parent is new, is held itself, or is left out of its step.",
            "It goes on by itself once that record is linked.",
            names="the reference, in the message",
            page=_FIELD,
        ),
        "step_removed": Fault(
            _K.CONFIGURATION,
            _R.MAPPING,
            "its step is not in the configuration any more",
            "It was captured while the step was there. It is kept, in case the step comes back.",
            "Nothing, if the step was removed for good. Add it again, and they are taken up: isthmus config reload.",
            page=_STEP,
        ),
    }
)
"""They go on by themselves."""

_NOTHING: Final = "Nothing, if this is what the step is meant to do."

SKIPPED: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        "blocked": Fault(
            _K.REJECTED,
            _R.OTHER,
            "an operator said that this pair is never to be linked",
            "isthmus link remove --block.",
            "Remove the block first if it is meant to travel again (isthmus link list shows it), then link the pair by hand.",
        ),
        "added_once": Fault(
            _K.REJECTED,
            _R.OTHER,
            "the record was added, and the step never changes what it has added",
            "`behaviour: add`: the row was changed after its record was made.",
            _NOTHING,
            page=_STEP,
        ),
        "broken": Fault(
            _K.MISSING,
            _R.DELETED,
            "one half of the pair is gone and the other was kept",
            "The record was deleted or merged away, or the row was deleted, under `on_delete: keep` or with a change that won.",
            "Link the half that is left to another counterpart (isthmus link create), or leave it as it is.",
            page=_STEP,
        ),
        "converted": Fault(
            _K.REJECTED,
            _R.CONVERTED_LEAD,
            "the lead became a record that another row is linked to",
            "One record belongs to one row: this row was kept, without a record.",
            "Merge the two rows, or link this one to another record (isthmus link create).",
            page=_STEP,
        ),
        "create_only": Fault(
            _K.REJECTED,
            _R.OTHER,
            "the step only creates, and the counterpart exists",
            "`behaviour: create_only` leaves alone what exists on the other side.",
            _NOTHING,
            page=_STEP,
        ),
        "kept": Fault(
            _K.REJECTED,
            _R.DELETED,
            "the delete was not passed on",
            "`on_delete: keep` keeps the other half.",
            _NOTHING,
            page=_STEP,
        ),
        "mandatory_missing": Fault(
            _K.REJECTED,
            _R.REQUIRED_MISSING,
            "a mandatory field has no value yet",
            "The field has `mandatory: true`.",
            "Fill the field at its source; the record goes when it has a value.",
            names="the fields, in the message",
            page=_FIELD,
        ),
        "merged": Fault(
            _K.MISSING,
            _R.DELETED,
            "the record was merged into one that another row is linked to",
            "One record belongs to one row: this row was kept, without a record.",
            "Merge the two rows, or link this one to another record (isthmus link create).",
        ),
        "person_account": Fault(
            _K.REJECTED,
            _R.MAPPING,
            "the record is a person account",
            "In Salesforce a person account is an account and a contact at once, and its contact half can be neither written nor deleted. "
            "The step maps companies or contacts, so persons are left out.",
            "Nothing, if persons are not meant. To sync them, give them a step of their own on Account that maps their fields (LastName, PersonEmail) "
            "and filters `IsPersonAccount = true`.",
            page="docs/how-to/directions.md",
        ),
        "discarded": Fault(
            _K.REJECTED,
            _R.OTHER,
            "a person dismissed the parked change",
            "Nothing was written: the record stays as it was, until one of its halves changes again. The record of operators' acts has the reason.",
            _NOTHING,
            page=_STEP,
        ),
        "on_request": Fault(
            _K.MISSING,
            _R.OTHER,
            "the step makes records on request only, and nobody asked for this row yet",
            "An operator sends such rows one by one.",
            _NOTHING,
            page=_STEP,
        ),
        "unlinked": Fault(
            _K.REJECTED,
            _R.OTHER,
            "an operator parted this pair",
            "isthmus link remove: nothing travels between the two, and no rule pairs either half again.",
            "Link the row by hand if it is meant to travel again: isthmus link create.",
        ),
        "nothing_to_delete": Fault(
            _K.MISSING,
            _R.DELETED,
            "the row names no record that is there",
            "`behaviour: delete`: the identifier of the row matches nothing, or the record is gone already.",
            _NOTHING,
            page=_STEP,
        ),
        "other_destination": Fault(
            _K.MISSING,
            _R.OTHER,
            "the row goes to another destination of its step",
            "`when` of the destinations leads it to another object.",
            _NOTHING,
            page="docs/how-to/lead-or-contact.md",
        ),
        "other_step": Fault(
            _K.MISSING,
            _R.OTHER,
            "the row is paired by another step of its table",
            "A person's row is a contact's or a lead's: what concerns it is a matter of the step that has linked it.",
            _NOTHING,
            page=_STEP,
        ),
        "reference_not_linked": Fault(
            _K.MISSING,
            _R.OTHER,
            "the record belongs to one that no row is linked to",
            "A member of a campaign that is not synchronised.",
            "Nothing, if that is meant; else link the campaign (isthmus campaign link), and its members follow.",
        ),
        "no_match": Fault(
            _K.MISSING,
            _R.OTHER,
            "nothing on the other side matches, and the step does not create it",
            "`behaviour: update_only`, or a step of the other direction.",
            _NOTHING,
            page=_STEP,
        ),
    }
)
"""Left alone on purpose."""

LEDGER: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        "conflict": Fault(
            _K.CONFLICT,
            _R.OTHER,
            "both sides changed a field differently",
            "Since both last agreed, each side got another value. The field's policy decided, or nobody (`manual`).",
            _LEDGER,
            names="the field",
            page=_FIELD,
        ),
        "drift": Fault(
            _K.CONFLICT,
            _R.OTHER,
            "a one-way field was changed on the side that may not give it",
            "The field is mapped the other way only.",
            "Change it on the side that gives it, or make the field two_way.",
            names="the field",
            page="docs/decisions/0006-one-way-fields.md",
        ),
        "superseded": Fault(
            _K.CONFLICT,
            _R.OTHER,
            "a value was replaced by a later one before it could travel",
            "The same field changed again meanwhile.",
            _LEDGER,
            names="the field",
        ),
        "unseen": Fault(
            _K.CONFLICT,
            _R.OTHER,
            "a value that we overwrote without having seen it",
            "It was written within the same second as ours, which Salesforce's clock cannot tell apart; its event told of it.",
            _LEDGER,
            names="the field",
            page="docs/decisions/0005-same-second.md",
        ),
    }
)
"""Kinds of lines in the ledger."""

_READ_AGAIN: Final = (
    "Nothing: what may have been missed is read, and the gap is shown until that is done (isthmus status)."
)
_GAPS: Final = "docs/decisions/0014-gaps.md"

GAPS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        "event": Fault(
            _K.TRANSIENT,
            _R.OTHER,
            "Salesforce said that records changed, and not how",
            "A change that its event format cannot express, such as one made inside the database.",
            _READ_AGAIN,
            page=_GAPS,
        ),
        "overflow": Fault(
            _K.TRANSIENT,
            _R.OTHER,
            "too many changes in one transaction",
            "Salesforce gave up telling them one by one, or a field was converted.",
            _READ_AGAIN,
            page=_GAPS,
        ),
        "position_lost": Fault(
            _K.TRANSIENT,
            _R.OTHER,
            "the stored position is older than what Salesforce keeps, or unknown to it",
            "The daemon was down for more than 72 hours, or the org was moved.",
            _READ_AGAIN,
            page="deploy/runbooks/IsthmusStreamGap.md",
        ),
        "transport": Fault(
            _K.TRANSIENT,
            _R.OTHER,
            "the stored position belongs to another way of streaming",
            "The configuration changed it; positions of one mean nothing to the other.",
            _READ_AGAIN,
            page=_GAPS,
        ),
        "silence": Fault(
            _K.TRANSIENT,
            _R.OTHER,
            "records changed and the stream did not tell",
            "The stream seemed well and delivered nothing: a subscription that Salesforce forgot, or an object that is not selected for change events.",
            _READ_AGAIN,
            page="deploy/salesforce/README.md#5-change-events",
        ),
        "schema": Fault(
            _K.TRANSIENT,
            _R.OTHER,
            "a step stood still, because an object, a table or a key was not as the mapping says",
            "It was removed, renamed, hidden or given another type, and is as it should be again.",
            _READ_AGAIN,
            page=_GAPS,
        ),
        "timeline": Fault(
            _K.TRANSIENT,
            _R.OTHER,
            "the database is on another branch of its history",
            "It was restored, or a standby took over: its newest transactions may be gone.",
            _READ_AGAIN,
            page="docs/decisions/0015-database-identity.md",
        ),
    }
)
"""Why changes may have been missed."""

CHAPTERS: Final = (
    Chapter("Isthmus, parked", "Records that wait for a person.", PARKED),
    Chapter("Isthmus, waiting", "Records that go on by themselves.", WAITING),
    Chapter("Isthmus, skipped", "Records that are left alone on purpose.", SKIPPED),
    Chapter("Isthmus, ledger", "Why a line is in the ledger.", LEDGER),
    Chapter("Isthmus, gaps", "Why changes may have been missed.", GAPS),
)
