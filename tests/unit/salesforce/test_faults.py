"""What Salesforce's errors become."""

import orjson
import pytest

from adapters.salesforce import faults
from adapters.salesforce.fault_table import FAULTS, TOKEN_FAULTS
from daemon.domain.failure import FailureKind, Reason


def whole(*errors: dict[str, object]) -> bytes:
    return orjson.dumps(list(errors))


@pytest.mark.requirement("S1-77", "S1-78")
@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("UNABLE_TO_LOCK_ROW", FailureKind.TRANSIENT, Reason.ROW_LOCK),
        ("REQUEST_LIMIT_EXCEEDED", FailureKind.LIMITED, Reason.LIMIT),
        ("REQUIRED_FIELD_MISSING", FailureKind.REJECTED, Reason.REQUIRED_MISSING),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", FailureKind.REJECTED, Reason.VALIDATION_RULE),
        ("DUPLICATE_VALUE", FailureKind.DUPLICATE, Reason.DUPLICATE),
        ("DUPLICATE_EXTERNAL_ID", FailureKind.AMBIGUOUS, Reason.DUPLICATE),
        ("INVALID_CROSS_REFERENCE_KEY", FailureKind.REFERENCE, Reason.CONSTRAINT),
        ("ENTITY_IS_DELETED", FailureKind.MISSING, Reason.DELETED),
        ("CANNOT_UPDATE_CONVERTED_LEAD", FailureKind.REJECTED, Reason.CONVERTED_LEAD),
        ("INVALID_FIELD", FailureKind.CONFIGURATION, Reason.MAPPING),
        ("INSUFFICIENT_ACCESS_OR_READONLY", FailureKind.PERMISSION, Reason.PERMISSION),
        ("INVALID_SESSION_ID", FailureKind.AUTHENTICATION, Reason.PERMISSION),
    ],
)
def test_both_shapes_give_the_same_failure(code: str, kind: FailureKind, reason: Reason) -> None:
    request = faults.of_response(400, whole({"message": "m", "errorCode": code, "fields": ["A"]}))
    record = faults.of_record([{"statusCode": code, "message": "m", "fields": ["A"]}])
    assert request == record
    assert (request.kind, request.reason, request.code, request.fields) == (kind, reason, code, ("A",))
    assert request.advice


@pytest.mark.requirement("S4-86", "S4-89", "S4-90")
@pytest.mark.parametrize(
    ("code", "text", "kind", "advice"),
    [
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Billing: execution of AfterUpdate caused by: System.LimitException: Too many SOQL queries: 101", FailureKind.REJECTED, "The Apex trigger is Billing. Have the trigger's owner take queries out of loops"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "acme.Sums: execution of BeforeInsert caused by: System.LimitException: Apex heap size too large: 6428171", FailureKind.REJECTED, "The Apex trigger is acme.Sums. Have the code or the flow optimised"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "Apex CPU time limit exceeded", FailureKind.REJECTED, "Have the code or the flow optimised"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: execution of AfterInsert caused by: System.CalloutException: Read timed out", FailureKind.TRANSIENT, "The Apex trigger is T. Nothing to do"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "unable to obtain exclusive access to this record or 1 records: 001", FailureKind.TRANSIENT, "Nothing to do"),
        ("FLOW_EXCEPTION", "QUERY_TIMEOUT: Your query request was running for too long.", FailureKind.TRANSIENT, "If it lasts"),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Timeout in days: at most 30", FailureKind.REJECTED, "Correct the value"),
    ],
)  # fmt: skip
def test_what_stands_in_the_text_of_automation_is_told_apart(
    code: str, text: str, kind: FailureKind, advice: str
) -> None:
    failure = faults.of_record([{"statusCode": code, "message": text}])
    assert (failure.kind, failure.code, failure.message) == (kind, code, text)
    assert failure.advice.startswith(advice)


@pytest.mark.requirement("S4-101")
def test_of_a_message_that_is_cut_the_end_is_kept() -> None:
    failure = faults.of_record(
        [{"statusCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "message": "T: " + "x" * 9000 + "the cause"}]
    )
    assert len(failure.message) == faults.MESSAGE_LENGTH
    assert (failure.message[:3], failure.message[-9:]) == ("T: ", "the cause")


def test_every_code_has_advice_in_a_sentence() -> None:
    for code, fault in {**FAULTS, **TOKEN_FAULTS}.items():
        assert fault.advice.endswith("."), code
        assert fault.meaning, code


@pytest.mark.requirement("S4-101")
def test_an_unknown_code_is_rejected_with_its_text_shown() -> None:
    failure = faults.of_response(400, whole({"message": "the moon is full", "errorCode": "MOON_PHASE"}))
    assert (failure.kind, failure.code, failure.message) == (
        FailureKind.REJECTED,
        "MOON_PHASE",
        "the moon is full",
    )


def test_a_lock_inside_a_triggers_message_is_transient() -> None:
    text = "BillingTrigger: execution of AfterUpdate caused by: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access"
    failure = faults.of_record([{"statusCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "message": text}])
    assert (failure.kind, failure.reason) == (FailureKind.TRANSIENT, Reason.ROW_LOCK)
    assert failure.code == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"


def test_the_error_that_no_retry_mends_decides() -> None:
    failure = faults.of_record(
        [
            {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "locked", "fields": []},
            {"statusCode": "STRING_TOO_LONG", "message": "too long", "fields": ["Name"]},
        ]
    )
    assert (failure.kind, failure.code, failure.fields) == (
        FailureKind.REJECTED,
        "STRING_TOO_LONG",
        ("Name",),
    )
    assert "locked" in failure.message


def test_the_culprit_is_reported_and_not_its_followers() -> None:
    failure = faults.of_record(
        [
            {"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": "rolled back"},
            {"statusCode": "DUPLICATE_VALUE", "message": "duplicate"},
        ]
    )
    assert failure.code == "DUPLICATE_VALUE"
    assert (
        faults.of_record([{"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK"}]).kind is FailureKind.TRANSIENT
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.AUTHENTICATION),
        (403, FailureKind.PERMISSION),
        (404, FailureKind.MISSING),
        (412, FailureKind.CONFLICT),
        (415, FailureKind.DEFECT),
        (420, FailureKind.TRANSIENT),
        (429, FailureKind.LIMITED),
        (502, FailureKind.TRANSIENT),
        (302, FailureKind.CONFIGURATION),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>maintenance</html>", b"{", b'"text"', b"[1, 2]"])
def test_an_answer_that_cannot_be_read_is_judged_by_its_status(
    status: int, kind: FailureKind, body: bytes
) -> None:
    assert faults.of_response(status, body).kind is kind


def test_several_matches_for_an_external_id_are_ambiguous() -> None:
    body = orjson.dumps(
        ["/services/data/v67.0/sobjects/Account/001A", "/services/data/v67.0/sobjects/Account/001B"]
    )
    failure = faults.of_response(300, body)
    assert failure.kind is FailureKind.AMBIGUOUS
    assert "001A, 001B" in failure.message


def test_a_write_to_a_server_that_failed_inside_may_have_been_done() -> None:
    assert (
        faults.of_write(500, whole({"errorCode": "UNKNOWN_EXCEPTION", "message": "id 17"})).kind
        is FailureKind.UNKNOWN_OUTCOME
    )
    assert faults.of_write(502, b"<html>").kind is FailureKind.UNKNOWN_OUTCOME
    assert faults.of_write(503, whole({"errorCode": "SERVER_UNAVAILABLE"})).kind is FailureKind.TRANSIENT
    assert faults.of_write(400, whole({"errorCode": "INVALID_FIELD"})).kind is FailureKind.CONFIGURATION
    assert faults.of_write(429, b"").kind is FailureKind.LIMITED


def test_messages_are_bounded() -> None:
    failure = faults.of_response(400, whole({"errorCode": "INVALID_FIELD", "message": "x" * 100_000}))
    assert len(failure.message) == faults.MESSAGE_LENGTH


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, b'{"error":"invalid_grant","error_description":"user hasn\'t approved this consumer"}', FailureKind.AUTHENTICATION, "invalid_grant"),
        (400, b'{"error":"invalid_grant"}', FailureKind.AUTHENTICATION, "invalid_grant"),
        (401, b'{"error":"invalid_client"}', FailureKind.AUTHENTICATION, "invalid_client"),
        (400, b'{"error":"unsupported_grant_type"}', FailureKind.CONFIGURATION, "unsupported_grant_type"),
        (400, b'{"error":"invalid_grant","error_description":"login rate exceeded"}', FailureKind.LIMITED, "invalid_grant"),
        (400, b'{"error":"something_new"}', FailureKind.AUTHENTICATION, "something_new"),
        (503, b'{"error":"server_error"}', FailureKind.TRANSIENT, "HTTP_503"),
        (500, b"<html>", FailureKind.TRANSIENT, "HTTP_500"),
    ],
)  # fmt: skip
def test_the_token_endpoint(status: int, body: bytes, kind: FailureKind, code: str) -> None:
    failure = faults.of_token(status, body)
    assert (failure.kind, failure.code) == (kind, code)


@pytest.mark.requirement("S4-94", "S4-95", "S4-96")
def test_an_app_that_is_blocked_is_told_at_the_login_with_what_an_administrator_does() -> None:
    body = b'{"error":"OAUTH_APP_BLOCKED","error_description":"this app is blocked by admin"}'
    failure = faults.of_token(400, body)
    assert (failure.kind, failure.code) == (FailureKind.AUTHENTICATION, "OAUTH_APP_BLOCKED")
    assert failure.message == "this app is blocked by admin"
    assert failure.advice == FAULTS["OAUTH_APP_BLOCKED"].advice
