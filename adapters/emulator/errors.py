"""How an org says no.

Salesforce has two shapes of error and they must not be mixed: a whole request that failed answers with an array of
`{message, errorCode, fields}`; one record that failed among others answers HTTP 200 with `{statusCode, message, fields}`.
Both are made from the same two exceptions here, so that a rule of the org is written once and reads right everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_STATUS_OF_CODE: Mapping[str, int] = {
    "NOT_FOUND": 404,
    "ENTITY_IS_DELETED": 404,
    "INVALID_SESSION_ID": 401,
    "REQUEST_LIMIT_EXCEEDED": 403,
    "INSUFFICIENT_ACCESS": 403,
    "INSUFFICIENT_ACCESS_OR_READONLY": 403,
    "API_DISABLED_FOR_ORG": 403,
}


class RecordRefused(Exception):  # noqa: N818
    """One record cannot be saved, read or deleted.

    `code` is Salesforce's own status code, `fields` the API names of the fields that are to blame, `details` what some codes add to the
    error of a whole request (a duplicate rule's matches).
    """

    def __init__(
        self,
        code: str,
        message: str,
        fields: Sequence[str] = (),
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = tuple(fields)
        self.details = dict(details or {})

    def as_result_error(self) -> dict[str, object]:
        """The form inside the result list of a Collections call."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}

    def as_bulk_error(self) -> str:
        """The form inside the `sf__Error` column of Bulk API 2.0."""
        return f"{self.code}:{self.message}:{','.join(self.fields)} --"


class RequestRefused(Exception):  # noqa: N818
    """A whole request fails, with an HTTP status of 400 or above."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fields: Sequence[str] = (),
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = tuple(fields)
        self.details = dict(details or {})

    @classmethod
    def because(cls, refusal: RecordRefused) -> RequestRefused:
        """The same refusal, when the record was the only subject of the request."""
        status = _STATUS_OF_CODE.get(refusal.code, 400)
        return cls(status, refusal.code, refusal.message, refusal.fields, refusal.details)

    def as_body(self) -> list[dict[str, object]]:
        """The array form of a failed request."""
        error: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields:
            error["fields"] = list(self.fields)
        return [error | self.details]


def unwritable(field: str) -> RecordRefused:
    """The refusal of a field that this caller, or no API, may write."""
    return RecordRefused(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {field}. Please check the security settings of this field and verify that it is "
        "read/write for your profile or permission set.",
        (field,),
    )


def no_such_column(column: str, entity: str) -> str:
    """Salesforce's sentence for a field that is missing, or hidden from the user."""
    return f"No such column '{column}' on sobject of type {entity}"
