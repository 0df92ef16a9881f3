"""Whether both sides agree: every record of the org beside its row, field by field, compared by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.compose.demo.cast import STATUSES
from daemon.compose.demo.org import Org

_PEOPLE = {
    "FirstName": "first_name",
    "LastName": "last_name",
    "Email": "email",
    "Title": "title",
    "Phone": "phone",
    "HasOptedOutOfEmail": "opt_out",
    "AccountId": "account",
}
_COMPANIES = {
    "Name": "name",
    "Website": "website",
    "Type": "status",
    "NumberOfEmployees": "employees",
    "AnnualRevenue": "revenue",
}


async def differences(
    org: Org, people: Sequence[Mapping[str, Any]], companies: Sequence[Mapping[str, Any]]
) -> list[str]:
    """A line for each record without its row, row without its record, and field that differs. Empty when all agree.

    The rows are those of the statements `all_people` and `all_companies`.
    """
    contacts = await org.query(f"SELECT Id, {', '.join(_PEOPLE)} FROM Contact")  # noqa: S608 - SOQL
    accounts = await org.query(f"SELECT Id, {', '.join(_COMPANIES)} FROM Account")  # noqa: S608 - SOQL
    own = [row | {"status": STATUSES.get(str(row["status"]), row["status"])} for row in map(dict, companies)]
    return [
        *_compared("Contact", _PEOPLE, contacts, people),
        *_compared("Account", _COMPANIES, accounts, own),
    ]


def _compared(
    name: str,
    pairs: Mapping[str, str],
    records: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
) -> list[str]:
    by_id = {row["sf_id"]: row for row in rows if row["sf_id"] is not None}
    lines = [f"{name} row {row} has no record" for row in rows if row["sf_id"] is None]
    lines += [f"{name} {record['Id']} has no row" for record in records if record["Id"] not in by_id]
    known = {record["Id"] for record in records}
    lines += [f"{name} {sf_id} is linked, but gone" for sf_id in by_id if sf_id not in known]
    for record in records:
        row = by_id.get(record["Id"])
        if row is None:
            continue
        for field, column in pairs.items():
            if row[column] not in (record[field], ""):  # an empty text leaves the other side as it is
                lines.append(f"{name} {record['Id']} {field}: {record[field]!r} and {row[column]!r}")
    return lines
