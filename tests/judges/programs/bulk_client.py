"""simple-salesforce over Bulk API 2.0: every operation that it has."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simple_salesforce.bulk2 import ColumnDelimiter, LineEnding, Operation
from simple_salesforce.exceptions import (
    SalesforceMalformedRequest,
    SalesforceOperationError,
    SalesforceResourceNotFound,
)

from tests.judges.programs.playing import Org, holds, main, refused, same
from tests.judges.programs.salesforce import salesforce

NOTE = 'several\nlines, "quoted"; ünï'
WAIT = 0.01
MISSING = "a00000000000001AAA"


def rows_of(pages: str | Iterable[str], delimiter: str = ",") -> list[dict[str, str]]:
    """The rows of pages of CSV, each of which begins with its header."""
    found: list[dict[str, str]] = []
    for page in [pages] if isinstance(pages, str) else pages:
        found += csv.DictReader(io.StringIO(page, newline=""), delimiter=delimiter)
    return found


def results(text: str) -> list[dict[str, str]]:
    """The rows of a job's results. The answer names no character set, so the client takes its UTF-8 for Latin-1, as it does with a real org."""
    return rows_of(text.encode("latin-1").decode("utf-8"))


def counts(outcomes: Iterable[dict[str, Any]]) -> list[tuple[int, int, int]]:
    """Processed, failed and sent rows of each job."""
    return [
        (one["numberRecordsProcessed"], one["numberRecordsFailed"], one["numberRecordsTotal"])
        for one in outcomes
    ]


def made(bulk: Any, *rows: dict[str, str]) -> dict[str, str]:
    """Insert rows that must succeed; their ids by their codes."""
    [outcome] = bulk.insert(records=list(rows), wait=WAIT)
    same(outcome["numberRecordsFailed"], 0)
    return {row["Code__c"]: row["sf__Id"] for row in rows_of(bulk.get_successful_records(outcome["job_id"]))}


def inserts(org: Org) -> None:
    with salesforce(org) as client:
        bulk = client.bulk2.Bulk__c
        given = [{"Code__c": f"i-{number}", "Note__c": NOTE, "Kind__c": "Gold"} for number in range(450)]
        given += [
            {"Code__c": "i-0", "Note__c": "", "Kind__c": ""},
            {"Code__c": "i-x", "Note__c": "", "Kind__c": "Tin"},
        ]
        [outcome] = bulk.insert(records=given, wait=WAIT)
        same(counts([outcome]), [(452, 2, 452)])
        job = outcome["job_id"]
        good = results(bulk.get_successful_records(job))
        same({(row["sf__Created"], row["Note__c"], len(row["sf__Id"])) for row in good}, {("true", NOTE, 18)})
        same(len({row["Code__c"] for row in good}), 450)
        bad = {
            row["Code__c"]: (row["sf__Id"], row["sf__Error"].partition(":")[0])
            for row in rows_of(bulk.get_failed_records(job))
        }
        same(bad, {"i-0": ("", "DUPLICATE_VALUE"), "i-x": ("", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")})
        same(rows_of(bulk.get_unprocessed_records(job)), [])
        jobs = bulk.insert(
            records=[{"Code__c": f"s-{number}"} for number in range(25)],
            batch_size=10,
            concurrency=2,
            wait=WAIT,
        )
        same(sorted(counts(jobs)), [(5, 0, 5), (10, 0, 10), (10, 0, 10)])


def all_results_at_once(org: Org) -> None:
    with salesforce(org) as client:
        bulk = client.bulk2.Bulk__c
        [outcome] = bulk.insert(
            records=[{"Code__c": "all-1", "Kind__c": "Gold"}, {"Code__c": "all-2", "Kind__c": "Tin"}],
            wait=WAIT,
        )
        found = bulk.get_all_ingest_records(outcome["job_id"])
        same({name: [row["Code__c"] for row in rows] for name, rows in found.items()},
             {"successfulRecords": ["all-1"], "failedRecords": ["all-2"], "unprocessedRecords": []})  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "good.csv"
            bulk.get_successful_records(outcome["job_id"], file=str(target))
            same([row["Code__c"] for row in rows_of(target.read_text("utf-8"))], ["all-1"])


def updates(org: Org) -> None:
    with salesforce(org) as client:
        bulk = client.bulk2.Bulk__c
        ids = made(bulk, *({"Code__c": code, "Amount__c": "1", "Note__c": "n"} for code in ("u-1", "u-2")))
        changes = [
            {"Id": ids["u-1"], "Amount__c": "#N/A", "Note__c": "new"},
            {"Id": ids["u-2"], "Amount__c": "2.5", "Note__c": ""},
            {"Id": MISSING, "Amount__c": "3", "Note__c": ""},
        ]
        same(counts(bulk.update(records=changes, wait=WAIT)), [(3, 1, 3)])
        [page] = bulk.query(
            "SELECT Code__c, Amount__c, Note__c FROM Bulk__c WHERE Code__c LIKE 'u-%'", wait=WAIT
        )
        found = {row["Code__c"]: (row["Amount__c"], row["Note__c"]) for row in rows_of(page)}
        same(found, {"u-1": ("", "new"), "u-2": ("2.5", "n")})


def upserts(org: Org) -> None:
    with salesforce(org) as client:
        bulk = client.bulk2.Bulk__c
        made(bulk, {"Code__c": "p-1"})
        rows = [{"Code__c": "p-1", "Amount__c": "1"}, {"Code__c": "p-2", "Amount__c": "2"}]
        [outcome] = bulk.upsert(records=rows, external_id_field="Code__c", wait=WAIT)
        found = rows_of(bulk.get_successful_records(outcome["job_id"]))
        same({row["Code__c"]: row["sf__Created"] for row in found}, {"p-1": "false", "p-2": "true"})
        ids = {row["Code__c"]: row["sf__Id"] for row in found}
        [outcome] = bulk.upsert(
            records=[{"Id": ids["p-1"], "Amount__c": "9"}], wait=WAIT
        )  # its own default key: Id
        same(counts([outcome]), [(1, 0, 1)])
        same(client.Bulk__c.get(ids["p-1"])["Amount__c"], 9)


def deletes(org: Org) -> None:
    with salesforce(org) as client:
        bulk = client.bulk2.Bulk__c
        ids = made(bulk, *({"Code__c": code} for code in ("d-1", "d-2", "d-3")))
        same(counts(bulk.delete(records=[{"Id": ids["d-1"]}, {"Id": MISSING}], wait=WAIT)), [(2, 1, 2)])
        same(counts(bulk.hard_delete(records=[{"Id": ids["d-2"]}], wait=WAIT)), [(1, 0, 1)])
        soql = "SELECT Code__c, IsDeleted FROM Bulk__c WHERE Code__c LIKE 'd-%'"
        same(rows_of(bulk.query(soql, wait=WAIT)), [{"Code__c": "d-3", "IsDeleted": "false"}])
        found = {row["Code__c"]: row["IsDeleted"] for row in rows_of(bulk.query_all(soql, wait=WAIT))}
        same(found, {"d-1": "true", "d-3": "false"})


def query_pages(org: Org) -> None:
    with salesforce(org) as client:
        bulk = client.bulk2.Lead
        pages = list(bulk.query("SELECT Id, LastName FROM Lead", max_records=1500, wait=WAIT))
        same([len(rows_of(page)) for page in pages], [1500, 1500, 1100])
        same(len({row["Id"] for row in rows_of(pages)}), 4100)
        [whole] = bulk.query("SELECT Id FROM Lead", wait=WAIT)
        same(len(rows_of(whole)), 4100)
        [none] = bulk.query("SELECT Id FROM Lead WHERE LastName = 'nobody at all'", wait=WAIT)
        same(rows_of(none), [])
        with tempfile.TemporaryDirectory() as folder:
            files = bulk.download("SELECT Id FROM Lead", folder, max_records=3000, wait=WAIT)
            same([one["number_of_records"] for one in files], [3000, 1100])
            same(sum(len(rows_of(Path(one["file"]).read_text("utf-8"))) for one in files), 4100)
        [page] = bulk.query(
            "SELECT Id, LastName FROM Lead LIMIT 2",
            column_delimiter=ColumnDelimiter.PIPE, line_ending=LineEnding.CRLF, wait=WAIT,
        )  # fmt: skip
        same((len(rows_of(page, "|")), page.count("\r\n")), (2, 3))
        refused(SalesforceMalformedRequest, lambda: list(bulk.query("SELECT Nope FROM Lead", wait=WAIT)))


def files_and_separators(org: Org) -> None:
    with salesforce(org) as client, tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.csv"
        source.write_text("Code__c\tNote__c\nf-1\tone\nf-2\ttwo\n", "utf-8")
        bulk = client.bulk2.Bulk__c
        [outcome] = bulk.insert(csv_file=str(source), column_delimiter=ColumnDelimiter.TAB, wait=WAIT)
        same(counts([outcome]), [(2, 0, 2)])
        good = rows_of(bulk.get_successful_records(outcome["job_id"]), "\t")
        same({row["Code__c"]: row["Note__c"] for row in good}, {"f-1": "one", "f-2": "two"})


def jobs_that_fail(org: Org) -> None:
    with salesforce(org) as client:
        bulk = client.bulk2.Bulk__c
        error = refused(SalesforceOperationError, lambda: bulk.insert(records=[{"Nope__c": "x"}], wait=WAIT))
        holds("InvalidBatch" in str(error) and "Nope__c" in str(error), str(error))
        steps: Any = bulk._client
        job = steps.create_job(Operation.insert)
        same((job["state"], job["contentType"], job["object"]), ("Open", "CSV", "Bulk__c"))
        steps.upload_job_data(job["id"], "Code__c\nabort-1\n")
        same(steps.abort_job(job["id"], is_query=False)["state"], "Aborted")
        same(steps.get_job(job["id"], is_query=False)["state"], "Aborted")
        refused(SalesforceResourceNotFound, lambda: steps.get_job("750000000000001AAA", is_query=False))
        query = steps.create_job(Operation.query, "SELECT Id FROM Lead")
        same(steps.abort_job(query["id"], is_query=True)["state"], "Aborted")
        same(client.query("SELECT COUNT() FROM Bulk__c WHERE Code__c = 'abort-1'")["totalSize"], 0)


if __name__ == "__main__":
    main(globals())
