"""To whom a token may be sent.

A token endpoint names the host of the org, and a daemon that believed any name would hand its token to whoever can
forge an answer. Only https, only Salesforce's own domains, no user part, no port, no path.
"""

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII)


def checked_origin(url: str, suffixes: Collection[str], insecure_hosts: Collection[str]) -> str:
    """The origin of a URL, without a slash at its end; ValueError, with the reason, if it may not be spoken to.

    A host of `insecure_hosts` may be reached by http and on any port.
    """
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port  # `port` raises ValueError where it is no number
    if host is None or parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("it does not simply name a host")
    if _HOST.fullmatch(host) is None or "\\" in url:
        raise ValueError("it holds a character that no host name has")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("it has a path")
    if host in insecure_hosts:
        if parts.scheme not in {"http", "https"}:
            raise ValueError("it is neither http nor https")
        return f"{parts.scheme}://{parts.netloc}"
    if parts.scheme != "https":
        raise ValueError("it is not https")
    if port not in {None, 443}:
        raise ValueError("it has a port of its own")
    if not any(host.endswith(suffix) and len(host) > len(suffix) for suffix in suffixes):
        raise ValueError("its host is not in a domain of Salesforce")
    return f"https://{host}"
