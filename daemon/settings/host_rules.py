"""Rules about the two addresses: no password in one, no credential sent to the wrong place by the other."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from daemon.settings.connections import DatabaseSettings, Environment, SalesforceSettings
from daemon.settings.merge import Path
from daemon.settings.rule import Complaint

SALESFORCE_DOMAINS: Final = ("salesforce.com", "force.com", "salesforce.mil", "cloudforce.com")
_EXAMPLE: Final = "write the org's My Domain, such as acme.my.salesforce.com"


def salesforce_problems(settings: SalesforceSettings) -> Iterator[Complaint]:
    """Whether the org's addresses are those of the kind of org that it is said to be."""
    addresses: list[tuple[Path, str]] = [(("salesforce", "domain"), settings.domain)]
    if settings.login_url is not None:
        addresses.append((("salesforce", "login_url"), settings.login_url))
    for path, address in addresses:
        parts = _split(address)
        if parts is None:
            yield Complaint(path, "is no host", _EXAMPLE)
        elif settings.environment is Environment.EMULATOR:
            yield from _emulator(path, address, parts)
        else:
            yield from _org(path, address, parts)
    yield from _kind_of_org(settings)


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        port = parts.port
    except ValueError:
        return None
    plain = not parts.username and not parts.password and not parts.query and not parts.fragment
    if not parts.hostname or port == 0 or parts.path not in {"", "/"} or not plain or " " in address:
        return None
    return parts


def _is_salesforce(host: str) -> bool:
    return any(host.endswith(f".{domain}") for domain in SALESFORCE_DOMAINS)


def _emulator(path: Path, address: str, parts: SplitResult) -> Iterator[Complaint]:
    if _is_salesforce(parts.hostname or ""):
        fix = "write environment: production, sandbox or scratch"
        yield Complaint(path, "is a real org's host, and the environment is emulator", fix)
    elif "://" not in address or parts.scheme not in {"http", "https"}:
        yield Complaint(path, "must be the emulator's whole address", "write http://localhost:PORT")


def _org(path: Path, address: str, parts: SplitResult) -> Iterator[Complaint]:
    if "://" in address and parts.scheme != "https":
        yield Complaint(path, "must be reached over https", "only environment: emulator may use http")
    elif not _is_salesforce(parts.hostname or ""):
        yield Complaint(path, "is not a host of Salesforce's", f"{_EXAMPLE}, or environment: emulator")
    elif parts.port not in {None, 443}:
        yield Complaint(path, "has a port of its own, and Salesforce has none", f"write {parts.hostname}")
    elif "://" in address and path[-1] == "domain":
        yield Complaint(path, "must be the host alone", f"write {parts.netloc}")


def _kind_of_org(settings: SalesforceSettings) -> Iterator[Complaint]:
    """Salesforce documents that a sandbox's host has `--` in it, and with enhanced domains `.sandbox.`."""
    parts = _split(settings.domain)
    host = (parts.hostname or "") if parts is not None else ""
    if not host.endswith(".my.salesforce.com"):
        return
    test = "--" in host or ".sandbox." in host
    path: Path = ("salesforce", "environment")
    if settings.environment is Environment.PRODUCTION and (test or ".scratch." in host):
        kind = "scratch" if ".scratch." in host else "sandbox"
        yield Complaint(path, f"is production, but the domain is a {kind}'s", f"write environment: {kind}")
    elif settings.environment is Environment.SANDBOX and not test:
        fix = "write environment: production, or the sandbox's domain (acme--uat.sandbox.my.salesforce.com)"
        yield Complaint(path, "is sandbox, but the domain is not a sandbox's", fix)


def database_problems(settings: DatabaseSettings) -> Iterator[Complaint]:
    """Whether the address of the database is one, without a password in it."""
    path: Path = ("database", "dsn")
    try:
        parts = urlsplit(settings.dsn)
        valid = parts.scheme in {"postgresql", "postgres"} and (parts.port is None or parts.port > 0)
        password = parts.password is not None
        query = [key for key, _ in parse_qsl(parts.query, keep_blank_values=True)]
    except ValueError:
        valid, password, query = False, "@" in settings.dsn, []
    if password or "password" in query:
        fix = "take it out and write `password: { credential: … }` beside the dsn"
        yield Complaint(path, "has a password in it", fix)
    elif not valid:
        yield Complaint(path, "is no address of a database", "write postgresql://USER@HOST:PORT/DATABASE")
