"""A plain HTTP client that plays the browser of a person who logs in: it follows Salesforce's answer to the callback address."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit, urlunsplit

import aiohttp

_SECONDS = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class Page:
    """What the browser shows last: its address, status and text."""

    address: str
    status: int
    text: str


async def browse(address: str) -> Page:
    """Open an address and follow where it leads."""
    async with (
        aiohttp.ClientSession(timeout=_SECONDS) as session,
        session.get(_by_number(address), allow_redirects=False) as first,
    ):
        if first.status != 302:
            return Page(address, first.status, await first.text())
        onward = first.headers["Location"]
        async with session.get(_by_number(onward), allow_redirects=False) as last:
            return Page(onward, last.status, await last.text())


def asked(address: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def shown_address(text: str) -> str | None:
    """The address of the login among what a command has said; None before it has said it."""
    found = re.search(r"^  (https?://\S+/services/oauth2/authorize\?\S+)\n", text, re.MULTILINE)
    return found[1] if found else None


def _by_number(address: str) -> str:
    """The address with 127.0.0.1 for localhost: browsers fall back to it where nothing listens on ::1."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace("localhost", "127.0.0.1", 1)))
