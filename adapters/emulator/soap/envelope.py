"""SOAP 1.1 envelopes: reading a request, and writing an answer or a fault.

A SOAP message has no document type (SOAP 1.1, section 3), so a body with one is refused before a parser sees it, and with it every entity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from adapters.emulator.http import Reply

METADATA = "http://soap.sforce.com/2006/04/metadata"
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_XML_TYPE = "text/xml; charset=utf-8"


class SoapRefused(Exception):  # noqa: N818
    """A call fails. `code` has its prefix: `sf:` for Salesforce's own codes, `soapenv:` for those of SOAP."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    @classmethod
    def of(cls, code: str, message: str) -> SoapRefused:
        """One of Salesforce's own codes, which stands before the message as well."""
        return cls(f"sf:{code}", f"{code}: {message}")


@dataclass(frozen=True, slots=True)
class Message:
    """A request: the session it names, the operation with its namespace, and the operation's parameters by name."""

    session: str
    operation: str
    namespace: str
    parameters: dict[str, list[str]]


def read(body: bytes) -> Message:
    """The request in an envelope. Raises SoapRefused."""
    try:
        text = body.decode("utf-8")
        if "<!DOCTYPE" in text:
            raise SoapRefused("soapenv:Client", "a document type is not allowed")
        root = ET.fromstring(text)  # noqa: S314 - it has no document type
    except (UnicodeDecodeError, ValueError, ET.ParseError) as error:
        raise SoapRefused("soapenv:Client", f"the message cannot be read: {error}") from None
    called = next(_within(root, f"{{{_ENVELOPE}}}Body"), None)
    if root.tag != f"{{{_ENVELOPE}}}Envelope" or called is None:
        raise SoapRefused("soapenv:Client", "there is no operation in the message")
    sessions = (
        item.text
        for head in _within(root, f"{{{_ENVELOPE}}}Header")
        for item in head
        if _name(item) == "sessionId"
    )
    parameters: dict[str, list[str]] = {}
    for item in called:
        parameters.setdefault(_name(item), []).append((item.text or "").strip())
    namespace = called.tag.partition("}")[0].removeprefix("{")
    return Message((next(sessions, None) or "").strip(), _name(called), namespace, parameters)


def answer(operation: str, result: str) -> Reply:
    """The answer of an operation; `result` is its XML, in the namespace of the Metadata API."""
    spaces = f' xmlns="{METADATA}" xmlns:xsi="{_INSTANCE}"'
    return _enveloped(200, spaces, f"<{operation}Response>{result}</{operation}Response>")


def fault(refusal: SoapRefused) -> Reply:
    """A fault. SOAP 1.1 gives every one of them the status 500."""
    told = (
        f"<faultcode>{escape(refusal.code)}</faultcode><faultstring>{escape(refusal.message)}</faultstring>"
    )
    return _enveloped(500, f' xmlns:sf="{METADATA}"', f"<soapenv:Fault>{told}</soapenv:Fault>")


def element(name: str, text: str) -> str:
    """An element that holds text."""
    return f"<{name}>{escape(text)}</{name}>"


def _enveloped(status: int, spaces: str, inner: str) -> Reply:
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{_ENVELOPE}"{spaces}>'
        f"<soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
    )
    return Reply(status, content=text.encode(), content_type=_XML_TYPE)


def _within(root: ET.Element, part: str) -> Iterator[ET.Element]:
    for found in root.findall(part):
        yield from found


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
