"""Codes explained: the catalogue is whole, and what is asked for is found."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.compose.codes import CATALOGUE
from daemon.domain.failure import FailureKind, NotFoundError
from daemon.domain.gap import GapCause
from daemon.domain.plan import LedgerKind
from daemon.operations.explaining import Explained, entries, explain

ROOT = Path(__file__).resolve().parents[3]
CODES = {entry.code for entry in entries(CATALOGUE)}


def advice(code: str) -> str:
    (entry,) = explain(CATALOGUE, code)
    return f"{entry.fault.meaning} {entry.fault.cause} {entry.fault.advice}"


PLACES = {"Hold": 1, "Failure": 2, "skip": 0, "_skipped": 0, "_nothing": 1}
"""Which argument of a call is the code."""


def own_calls() -> Iterator[tuple[str, str, str | None]]:
    """What the source holds, skips or fails with by itself: the callee, the code, and the advice where it is written there."""
    for folder in ("daemon/reconcile", "daemon/flow", "daemon/domain"):
        for path in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            constants = {
                node.target.id: node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PLACES:
                    code = _text(node.args, PLACES[node.func.id], constants)
                    if code is not None:
                        yield node.func.id, code, _text(node.args, 3, constants)


def _text(arguments: list[ast.expr], place: int, constants: dict[str, ast.expr | None]) -> str | None:
    """An argument that is a text, or a constant of the module that is one."""
    found: ast.expr | None = arguments[place] if len(arguments) > place else None
    if isinstance(found, ast.Name):
        found = constants.get(found.id)
    return found.value if isinstance(found, ast.Constant) and isinstance(found.value, str) else None


def test_every_code_of_the_decision_and_of_the_flow_is_explained() -> None:
    codes = {code for _, code, _ in own_calls()}
    assert {"delete_conflict", "no_match", "value_not_mapped", "already_linked"} <= codes
    assert codes <= CODES, (
        "explain these in daemon/domain/own_faults.py, then python -m tests.support.errors_page"
    )


def test_a_parked_record_says_what_the_catalogue_says() -> None:
    """A code that is given in several situations may say something narrower in each."""
    written: dict[str, set[str]] = {}
    for callee, code, advised in own_calls():
        if callee == "Hold" and advised is not None:
            written.setdefault(code, set()).add(advised)
    told = {code: advised for code, advised in written.items() if len(advised) == 1}
    assert len(told) > 3
    for code, (advised,) in told.items():
        assert [entry.fault.advice for entry in explain(CATALOGUE, code)] == [advised]


def test_every_kind_of_ledger_line_and_of_gap_is_explained() -> None:
    assert {kind.value for kind in LedgerKind} | {cause.value for cause in GapCause} <= CODES


@pytest.mark.parametrize("entry", list(entries(CATALOGUE)), ids=lambda entry: f"{entry.speaker}-{entry.code}")
def test_an_explanation_is_written_in_whole_sentences(entry: Explained) -> None:
    fault = entry.fault
    assert fault.meaning
    assert not fault.meaning.endswith(".")
    assert fault.cause.endswith((".", ";"))
    assert fault.advice.endswith(".")


def test_no_code_is_explained_twice_by_one_speaker() -> None:
    places = [(entry.speaker, entry.code) for entry in entries(CATALOGUE)]
    assert len(places) == len(set(places))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("unable_to_lock_row", "UNABLE_TO_LOCK_ROW"),
        ("23505", "23505"),
        ("22P09", "22"),
        ("HTTP_503", "HTTP_5xx"),
        ("HTTP_404", "HTTP_404"),
        ("bayeux_502", "BAYEUX_5xx"),
        ("Invalid_Grant", "invalid_grant"),
    ],
)
def test_a_code_is_found_by_its_name_or_by_its_family(asked: str, code: str) -> None:
    assert [entry.code for entry in explain(CATALOGUE, asked)] == [code]


def test_an_unknown_code_names_the_nearest() -> None:
    with pytest.raises(NotFoundError) as caught:
        explain(CATALOGUE, "UNABLE_LOCK_ROW")
    assert "UNABLE_TO_LOCK_ROW" in caught.value.why


@pytest.mark.requirement("S4-82", "S4-83", "S4-84", "S4-85")
def test_a_duplicate_that_salesforce_sees_is_explained() -> None:
    text = advice("DUPLICATES_DETECTED")
    assert "takes the new Account, Contact or Lead for a duplicate" in text
    assert "the title of its own dialog" in text
    assert "a Lead with the Contacts and Accounts" in text
    assert "listed in Setup > Duplicate Rules, where the org can define its own" in text
    assert "name both as the `destinations` of one step, Lead and Contact or Lead and Account" in text
    assert "As a last resort let the rule allow saving" in text
    assert "for the integration user alone or, with care, for the whole org" in text


LIMITS = ("APEX_TOO_MANY_QUERIES", "APEX_CPU_LIMIT", "APEX_HEAP_LIMIT")


@pytest.mark.requirement("S4-86", "S4-89", "S4-90")
@pytest.mark.parametrize(
    "code", ["CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER", "FLOW_EXCEPTION"]
)
def test_the_code_that_a_record_keeps_leads_to_the_limit_that_stands_in_its_text(code: str) -> None:
    text = advice(code)
    for limit in LIMITS:
        assert f"isthmus explain {limit}" in text
        assert limit in CODES


@pytest.mark.requirement("S4-86", "S4-87", "S4-88")
def test_too_many_queries_are_explained() -> None:
    text = advice("APEX_TOO_MANY_QUERIES")
    assert "`Too many SOQL queries: 101` inside CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" in text
    assert (
        "triggers run once for each batch, and one of them, which the message names, queries in a loop"
        in text
    )
    assert "take queries out of loops and reuse results" in text
    assert "System.scheduleBatch" in text
    assert "Managed packages" in text


@pytest.mark.parametrize(
    ("code", "found", "why"),
    [
        pytest.param(
            "APEX_CPU_LIMIT",
            "`Apex CPU time limit exceeded`, mostly inside CANNOT_EXECUTE_FLOW_TRIGGER",
            "the triggers, flows and validation rules of the object are together too costly",
            marks=pytest.mark.requirement("S4-89", "S4-91"),
        ),
        pytest.param(
            "APEX_HEAP_LIMIT",
            "`Apex heap size too large`, mostly inside CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            "loops or costly code hold too many records",
            marks=pytest.mark.requirement("S4-90", "S4-91"),
        ),
    ],
)
def test_costly_automation_is_explained(code: str, found: str, why: str) -> None:
    text = advice(code)
    assert found in text
    assert why in text
    assert "Have the code or the flow optimised" in text
    assert "let it do its work asynchronously" in text
    assert "lower the step's `batch_size`" in text


@pytest.mark.requirement("S4-92", "S4-93")
def test_a_reference_to_nothing_is_explained() -> None:
    text = advice("INVALID_CROSS_REFERENCE_KEY")
    assert "does not exist here" in text
    assert "another kind of id was mapped as a Salesforce id" in text
    assert "production's ids in a sandbox" in text


@pytest.mark.requirement("S4-94", "S4-95", "S4-96")
def test_a_blocked_app_is_explained() -> None:
    text = advice("OAUTH_APP_BLOCKED")
    assert "Ask an administrator to unblock the app in Setup > Connected Apps OAuth Usage" in text
    assert "read and write access to all objects and fields that are to be updated" in text
    assert "`View Setup and Configuration`" in text


@pytest.mark.requirement("S4-97", "S4-99")
def test_a_lock_is_explained_and_points_to_the_batch_size() -> None:
    text = advice("UNABLE_TO_LOCK_ROW")
    assert "The org is busy" in text
    assert "divides a batch into transactions of up to 200 records and locks each record" in text
    assert "another user, job or batch held one of them too long" in text
    assert "If it persists, lower the step's `batch_size`" in text


@pytest.mark.requirement("S1-79")
def test_a_converted_lead_is_a_cause_of_its_own() -> None:
    for code in ("CANNOT_UPDATE_CONVERTED_LEAD", "converted_lead"):
        (entry,) = explain(CATALOGUE, code)
        assert entry.fault.reason.value == "converted_lead"
        assert not entry.transient


def test_what_passes_is_told_from_what_waits_for_a_person() -> None:
    by_code = {entry.code: entry for entry in entries(CATALOGUE)}
    assert by_code["UNABLE_TO_LOCK_ROW"].transient
    assert by_code["40P01"].transient
    assert not by_code["STRING_TOO_LONG"].transient
    assert by_code["STRING_TOO_LONG"].shown()["kind"] == FailureKind.REJECTED
