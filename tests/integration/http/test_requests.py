"""What a request may be, and how failures are told."""

import asyncio
import io
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
import structlog

from adapters.http import dispatch
from adapters.http.dispatch import BODY_BYTES, _plain
from tests.integration.http.conftest import VIEWER, Site


async def test_path_query_and_body_arrive(site: Site) -> None:
    assert (await site.ask("GET", "/api/v1/things?step=people&limit=5"))[1]["query"] == {
        "step": "people",
        "limit": "5",
    }
    assert (await site.ask("POST", "/api/v1/things:retry", json={"ids": [1, 2]}))[1]["body"] == {
        "ids": [1, 2]
    }
    assert (await site.ask("DELETE", "/api/v1/things/7?block=true"))[1]["path"] == {"id": "7"}


@pytest.mark.parametrize("key", ["7", "a/b", "100%", '["a",1]', "Åsa?x#y", "a+b c", "{x}"])
async def test_any_key_fits_into_a_path(site: Site, key: str) -> None:
    from urllib.parse import quote

    from yarl import URL

    url = URL(f"{site.base}/api/v1/records/people/{quote(key, safe='')}", encoded=True)
    async with site.session.get(url, headers={"Authorization": f"Bearer {VIEWER}"}) as response:
        assert (await response.json())["path"] == {"step": "people", "key": key}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("stp=people", "did you mean step?"),
        ("zzz=1", "it takes: limit, step"),
        ("step=a&step=b", "give it once"),
    ],
)
async def test_a_query_that_is_not_understood_is_refused(site: Site, query: str, words: str) -> None:
    status, body, _ = await site.ask("GET", f"/api/v1/things?{query}")
    assert (status, body["fix"], body["exit_status"]) == (400, words, 2)
    assert not site.seen


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 5000, "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b"x" * (BODY_BYTES + 1), "application/json", 413),
    ],
)
async def test_a_body_that_is_no_small_json_object_is_refused(
    site: Site, data: bytes, kind: str, status: int
) -> None:
    got, body, _ = await site.ask(
        "POST", "/api/v1/things", data=io.BytesIO(data), headers={"Content-Type": kind}
    )
    assert (got, body["status"], body["exit_status"]) == (status, status, 2)
    assert not site.seen


async def test_no_body_is_an_empty_one(site: Site) -> None:
    assert (await site.ask("POST", "/api/v1/things"))[1]["body"] == {}


async def test_a_wrong_method_names_the_right_ones(site: Site) -> None:
    status, body, response = await site.ask("PUT", "/api/v1/things")
    assert (status, response.headers["Allow"]) == (405, "GET,HEAD,POST")
    assert "GET,HEAD,POST" in body["fix"]


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        (
            "missing",
            404,
            {
                "type": "urn:isthmus:problem:not-found",
                "title": "no record 9",
                "detail": "it is not linked",
                "fix": "look",
                "exit_status": 4,
            },
        ),
        ("refused", 409, {"title": "no", "exit_status": 5}),
        (
            "call",
            502,
            {"title": "REQUEST_LIMIT_EXCEEDED", "detail": "spent", "fix": "wait", "exit_status": 69},
        ),
    ],
)
async def test_failures_are_problem_documents(
    site: Site, path: str, status: int, expected: dict[str, Any]
) -> None:
    got, body, response = await site.ask("GET", f"/api/v1/{path}")
    assert (got, response.content_type) == (status, "application/problem+json")
    assert body.items() >= {**expected, "status": status}.items()


async def test_a_defect_shows_a_reference_and_nothing_else(site: Site) -> None:
    with structlog.testing.capture_logs() as logs:
        status, body, _ = await site.ask("GET", "/api/v1/defect")
    assert (status, body["exit_status"]) == (500, 1)
    assert "secret-value" not in str(body)
    (line,) = [each for each in logs if each["event"] == "http.defect"]
    assert line["reference"] in body["detail"]
    assert isinstance(line["exc_info"], KeyError)


async def test_an_endpoint_that_takes_too_long_is_given_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "HANDLER_SECONDS", 0.05)
    status, body, _ = await site.ask("GET", "/api/v1/hang")
    assert (status, body["exit_status"]) == (504, 75)


async def test_a_body_that_does_not_arrive_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "BODY_SECONDS", 0.05)
    assert site.server.api_address is not None
    reader, writer = await asyncio.open_connection(*site.server.api_address)
    writer.write(
        b"POST /api/v1/things HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin-token-0123456789\r\n"
    )
    writer.write(b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()


async def test_bytes_keep_their_content_type_and_nothing_is_cached(site: Site) -> None:
    status, text, response = await site.ask("GET", "/api/v1/file")
    assert (status, text, response.headers["Content-Type"]) == (200, "a,b\n", "text/csv; charset=utf-8")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_requests_are_counted_by_pattern(site: Site) -> None:
    await site.ask("GET", "/api/v1/records/people/secret-key")
    await site.ask("GET", "/api/v1/records/people/other")
    await site.ask("GET", "/nowhere/secret-key")
    await site.ask("PROPFIND", "/healthz")
    name, route = "isthmus_http_requests_total", "/api/v1/records/{step}/{key}"
    assert site.meter.counted(name, route=route, method="GET", code="200") == 2
    assert site.meter.counted(name, route="unmatched", method="GET", code="404") == 1
    assert site.meter.counted(name, method="OTHER", code="405") == 1
    assert len(site.meter.observed("isthmus_http_request_duration_seconds", route=route)) == 2


async def test_head_is_answered_like_get(site: Site) -> None:
    async with site.session.head(f"{site.base}/healthz") as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_garbage_does_not_reach_an_endpoint(site: Site) -> None:
    assert site.server.api_address is not None
    reader, writer = await asyncio.open_connection(*site.server.api_address)
    writer.write(b"\x16\x03\x01\x00garbage\r\n\r\n")
    async with asyncio.timeout(5):
        assert b" 400 " in await reader.readline()
    writer.close()
    async with site.session.get(f"{site.base}/healthz", timeout=aiohttp.ClientTimeout(total=5)) as response:
        assert response.status == 200


def test_values_that_json_has_no_word_for_travel_as_text() -> None:
    assert _plain(Decimal("1.10")) == "1.10"
    assert _plain(frozenset({"b", "a"})) == ["a", "b"]
