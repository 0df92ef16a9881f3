"""simple-salesforce pointed at the loopback address: it insists on https, and on Salesforce's own host for its logins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from simple_salesforce.api import Salesforce

from tests.judges.programs.playing import Org
from tests.support.world_org import LoopbackSession

MY_DOMAIN = "emulator.my"
"""The domain that stands for the org's own host; client credentials work only there."""

_LOGIN_HOSTS = ("login", "test", MY_DOMAIN)


class _OrgSession(LoopbackSession):
    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        text = str(url)
        for host in _LOGIN_HOSTS:
            text = text.replace(f"https://{host}.salesforce.com", self._url, 1)
        return super().request(method, text, *args, **kwargs)


@contextmanager
def salesforce(org: Org, *, version: str = "67.0", **login: Any) -> Iterator[Any]:
    """A client; without a login it uses the token of the announcement."""
    known = login or {"session_id": org.facts["access_token"], "instance_url": org.url}
    with _OrgSession(org.url) as session:
        yield Salesforce(session=session, version=version, **known)
