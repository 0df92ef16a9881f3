"""SOAP from a host that means no good: what is parsed is bounded, and nothing is expanded."""

import pytest

from adapters.salesforce import soap

BOMB = b'<!DOCTYPE e [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><e>&b;</e>'


@pytest.mark.parametrize(
    "body",
    [BOMB, BOMB.decode().encode("utf-16"), b"<a>" * 400_000, b"<a>" + b" " * soap.LONGEST + b"</a>", b"\xff"],
    ids=["entities", "another encoding", "never closed", "too long", "no text"],
)
def test_what_is_not_to_be_parsed_is_no_fault_and_no_answer(body: bytes) -> None:
    assert soap.fault_in(body) is None
    with pytest.raises(soap.MalformedXmlError):
        soap.parsed(body)


def test_what_is_nested_as_deeply_as_may_be_is_looked_through() -> None:
    depth = soap.LONGEST // 7
    assert soap.fault_in(b"<a>" * depth + b"</a>" * depth) is None


def test_a_token_cannot_leave_its_element() -> None:
    root = soap.parsed(soap.envelope("</sessionId><x/>&", "readMetadata", [("type", "<y/>")]))
    assert root.findtext(f".//{{{soap.METADATA}}}sessionId") == "</sessionId><x/>&"
    assert root.findtext(f".//{{{soap.METADATA}}}type") == "<y/>"
