"""Records as CSV for Bulk API 2.0, and what its results say."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.salesforce import faults
from adapters.salesforce.ingest_sheet import carried, row_errors, sheet
from daemon.domain.plan import Operation
from daemon.ports.salesforce import RecordWrite

ID = "001000000000001AAA"


def create(key: str = "k1", **values: Any) -> RecordWrite:
    return RecordWrite(Operation.CREATE, values, external_id=("Ext_Id__c", key))


def update(**values: Any) -> RecordWrite:
    return RecordWrite(Operation.UPDATE, values, id=ID)


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


@pytest.mark.requirement("S4-03")
def test_null_clears_and_what_a_write_does_not_speak_of_is_left_alone() -> None:
    content = sheet([create("k1", Name="A", Phone=None), create("k2", Name="B", Site="x")])
    assert content == b"Ext_Id__c,Name,Phone,Site\nk1,A,#N/A,\nk2,B,,x\n"


def test_values_of_every_type() -> None:
    write = update(Flag=True, Off=False, Count=7, Exact="12345678901234567.89", Small=1e-7, Large=1e22)
    assert read(sheet([write]))[1] == [
        ID, "true", "false", "7", "12345678901234567.89", "0.0000001", "10000000000000000000000",
    ]  # fmt: skip


def test_a_parent_is_named_by_its_external_id() -> None:
    write = update(Account={"Ext_Id__c": "a-1"}, OwnerId=None)
    assert sheet([write]) == f"Id,Account.Ext_Id__c,OwnerId\n{ID},a-1,#N/A\n".encode()


def test_a_delete_is_its_id_alone() -> None:
    assert sheet([RecordWrite(Operation.DELETE, id=ID)]) == f"Id\n{ID}\n".encode()


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
def test_a_text_that_is_carried_comes_out_as_it_went_in(texts: list[str]) -> None:
    writes = [create(f"k{number}", Name=text) for number, text in enumerate(texts)]
    taken = [write for write in writes if carried(write)]
    assert {str(write.values["Name"]) for write in writes if write not in taken} <= {
        text for text in texts if not text.strip() or text.strip().upper() == "#N/A"
    }
    if taken:
        assert [row[1] for row in read(sheet(taken))[1:]] == [write.values["Name"] for write in taken]


@pytest.mark.requirement("S4-03")
@pytest.mark.parametrize(
    "write",
    [
        RecordWrite(Operation.CREATE, {"Name": "A"}),
        RecordWrite(Operation.UPDATE, {"Name": "A"}, id=ID, unmodified_since=datetime(2026, 1, 1, tzinfo=UTC)),
        update(Name=""),
        update(Name="  "),
        update(Name="#N/A"),
        update(Name="#n/a "),
        update(Name="x" * 32_001),
        update(**{f"F{number}": "x" * 31_000 for number in range(13)}),
        update(Id="001000000000002AAA"),
        update(Number=float("nan")),
        update(Name="a\0b"),
        create(" k"),
        create("#N/A"),
    ],
)  # fmt: skip
def test_what_a_row_cannot_say_is_not_carried(write: RecordWrite) -> None:
    assert not carried(write)


@pytest.mark.requirement("S4-03")
@pytest.mark.parametrize(
    ("text", "code", "message", "fields"),
    [
        (
            "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --",
            "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ("LastName",),
        ),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION:at 10:30, no -- never: --", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "at 10:30, no -- never", ()),
        ("STRING_TOO_LONG:too long:Name,Site__c --", "STRING_TOO_LONG", "too long", ("Name", "Site__c")),
        ("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access: 001:--", "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access: 001", ()),
        ("Something else", "UNKNOWN_EXCEPTION", "Something else", ()),
        ("", "UNKNOWN_EXCEPTION", "a row failed without saying why", ()),
    ],
)  # fmt: skip
def test_an_error_of_a_row_is_read(text: str, code: str, message: str, fields: tuple[str, ...]) -> None:
    (error,) = row_errors(text)
    assert (error.code, error.message, error.fields) == (code, message, fields)


def test_several_errors_of_a_row_are_one_failure() -> None:
    text = "REQUIRED_FIELD_MISSING:missing: [Name]:Name --STRING_TOO_LONG:too long:Site --"
    failure = faults.of_errors(row_errors(text))
    assert failure.code == "REQUIRED_FIELD_MISSING"
    assert failure.fields == ("Name", "Site")
    assert "STRING_TOO_LONG" in failure.message
