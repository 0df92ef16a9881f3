"""The body of one record as it is sent, and why some bodies must not be."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from adapters.salesforce.describe import NUMERIC_TYPES
from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.plan import Operation
from daemon.domain.value import Raw
from daemon.ports.salesforce import ObjectDescription, RecordWrite

_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,39})(?:\.\d{1,40})?", re.ASCII)


def payload(description: ObjectDescription, values: Mapping[str, Raw]) -> dict[str, Any]:
    """Values as JSON will hold them. Decimal text of a numeric field becomes a number with every digit it has."""
    return {name: _wire(description, name, value) for name, value in values.items()}


def refusal(write: RecordWrite) -> Failure | None:
    """Why a write cannot be sent at all, or None. One such record must not stop the others of its call."""
    if write.operation is not Operation.CREATE and not write.id:
        return _refused(
            FailureKind.DEFECT, "NO_ID", f"an {write.operation} names no record", "Report it as a defect."
        )
    if any(name.casefold() == "id" for name in write.values):
        return _refused(
            FailureKind.DEFECT, "SETS_ID", "a write would set a record's id", "Report it as a defect."
        )
    if any(isinstance(value, float) and not math.isfinite(value) for value in write.values.values()):
        return _refused(
            FailureKind.REJECTED,
            "NOT_A_NUMBER",
            "a number is infinite or not a number",
            "Correct it in PostgreSQL.",
        )
    try:
        orjson.dumps([dict(write.values), write.id, write.external_id])
    except TypeError as error:
        return _refused(FailureKind.REJECTED, "NOT_JSON", str(error), "Correct the value in PostgreSQL.")
    return None


def _refused(kind: FailureKind, code: str, message: str, advice: str) -> Failure:
    return Failure(kind, Reason.MAPPING, code, message, advice)


def _wire(description: ObjectDescription, name: str, value: Raw) -> Any:
    if isinstance(value, str):
        field = description.fields.get(name)
        if field is not None and field.type in NUMERIC_TYPES and _JSON_NUMBER.fullmatch(value):
            return orjson.Fragment(value)
    return value
