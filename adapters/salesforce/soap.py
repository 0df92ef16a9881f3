"""SOAP 1.1, as far as the Metadata API needs it: a request's envelope, and what an answer says.

A SOAP message has no document type (SOAP 1.1, section 3). So a body with one is refused before a parser sees it, and no entity can be defined, let
alone expanded. Bodies are UTF-8, whatever they say of themselves.
"""

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

LONGEST: Final = 1024 * 1024
"""Bytes of an answer that is parsed: more than the settings of an org with all the fields that an object may have."""
METADATA: Final = "http://soap.sforce.com/2006/04/metadata"
HEADERS: Final = {"Content-Type": "text/xml; charset=UTF-8", "Accept": "text/xml", "SOAPAction": '""'}

_ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_FAULT: Final = f"{{{_ENVELOPE}}}Body/{{{_ENVELOPE}}}Fault"


class MalformedXmlError(ValueError):
    """A body is not the XML that it should be."""


def envelope(token: str, operation: str, parameters: Sequence[tuple[str, str]]) -> bytes:
    """A request of the Metadata API, in the session of an access token."""
    told = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in parameters)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="{_ENVELOPE}" xmlns="{METADATA}">'
        f"<e:Header><SessionHeader><sessionId>{escape(token)}</sessionId></SessionHeader></e:Header>"
        f"<e:Body><{operation}>{told}</{operation}></e:Body></e:Envelope>"
    ).encode()


def parsed(body: bytes) -> ET.Element:
    """The root of a body. Raises MalformedXmlError."""
    if len(body) > LONGEST:
        raise MalformedXmlError(f"an answer of {len(body)} bytes")
    try:
        text = body.decode("utf-8")
        if "<!DOCTYPE" in text:
            raise MalformedXmlError("an answer with a document type")
        return ET.fromstring(text)  # noqa: S314 - without a document type there is nothing to expand
    except (UnicodeDecodeError, ET.ParseError, RecursionError) as error:
        raise MalformedXmlError(f"not XML: {error}") from None


def fault_in(body: bytes) -> tuple[str, str] | None:
    """The code of a fault, without its prefix, and its message; None if a body is no fault."""
    try:
        found = parsed(body).find(_FAULT)
    except MalformedXmlError:
        return None
    if found is None:
        return None
    code = (found.findtext("{*}faultcode") or "").strip().rpartition(":")[2]
    message = (found.findtext("{*}faultstring") or "").strip()
    return code, message.removeprefix(f"{code}: ")
