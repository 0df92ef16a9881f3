"""The port of conversions: the org's lead field mapping through the Metadata API, and converted leads through SOQL.

The mapping is the metadata type LeadConvertSettings (Metadata API Developer Guide; API 39.0 and later). `readMetadata` wants the permission
Modify Metadata Through Metadata API Functions, or Modify All Data, though it only reads; without it the answer is INSUFFICIENT_ACCESS.
"""

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from adapters.salesforce import faults, soap, soql
from adapters.salesforce.query import query_rows
from adapters.salesforce.records import SalesforceRecords
from adapters.salesforce.session import Request, Session
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.ports.conversions import Converted, HandedOn

_SETTINGS: Final = "LeadConvertSettings"
_PURPOSE: Final = "metadata"
_RECORD: Final = (
    f".//{{{soap.METADATA}}}readMetadataResponse/{{{soap.METADATA}}}result/{{{soap.METADATA}}}records"
)
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_MAY_NOT_ASK: Final = frozenset({FailureKind.PERMISSION, FailureKind.CONFIGURATION, FailureKind.MISSING})
_NEWEST: Final = "ORDER BY ConvertedDate DESC, LastModifiedDate DESC"


class SalesforceConversions:
    """Implements `daemon.ports.conversions.Conversions`."""

    def __init__(self, session: Session, records: SalesforceRecords) -> None:
        self._session = session
        self._records = records

    async def mapping(self) -> frozenset[HandedOn] | None:
        """The org's lead field mapping, of custom fields alone; None where this user may not read it."""
        parameters = [("type", _SETTINGS), ("fullNames", _SETTINGS)]
        request = Request(
            "POST",
            f"/services/Soap/m/{self._session.settings.api_version}",
            _PURPOSE,
            lambda token: soap.envelope(token, "readMetadata", parameters),
            safe=True,
            api="soap",
            headers=soap.HEADERS,
        )
        try:
            answer = await self._session.send(request)
        except CallFailedError as error:
            if error.failure.kind in _MAY_NOT_ASK:
                return None
            raise
        return _mapping(answer.body)

    async def newest(self, becomes: str, field: str, most: int) -> Sequence[Converted]:
        """The leads that were converted last and have a value in a field, with what each became."""
        pointer = f"Converted{becomes}Id"
        where = f"IsConverted = true AND {pointer} != null AND {soql.name(field)} != null"
        query = soql.select(["Id", pointer, field], "Lead", where, f"{_NEWEST} LIMIT {most:d}")
        leads = await query_rows(self._session, query, _PURPOSE)
        ids = list(dict.fromkeys(str(lead.get(pointer)) for lead in leads))
        held = await self._records.read(becomes, [field], ids, _PURPOSE) if ids else {}
        return [
            Converted(str(lead.get("Id")), record.id, lead.get(field), record.values.get(field))
            for lead in leads
            if (record := held.get(str(lead.get(pointer)))) is not None and field in record.values
        ]


def _mapping(body: bytes) -> frozenset[HandedOn] | None:
    """The mapping that an answer tells, None if it says that there are no such settings. Raises CallFailedError for one that makes no sense."""
    try:
        root = soap.parsed(body)
    except soap.MalformedXmlError as error:
        raise CallFailedError(faults.senseless(str(error))) from None
    settings = root.find(_RECORD)
    if settings is None:
        raise CallFailedError(faults.senseless("readMetadata was answered without a record"))
    if settings.get(_NIL) == "true":
        return None
    return frozenset(
        HandedOn(_text(pair, "inputField"), _text(each, "outputObject"), _text(pair, "outputField"))
        for each in settings.iterfind(f"{{{soap.METADATA}}}objectMapping")
        if _text(each, "inputObject") == "Lead"
        for pair in each.iterfind(f"{{{soap.METADATA}}}mappingFields")
    )


def _text(element: ET.Element, name: str) -> str:
    return (element.findtext(f"{{{soap.METADATA}}}{name}") or "").strip()
