"""Settings with which tests reach an emulated org."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.emulator import Announcement
from adapters.salesforce import ClientCredentialsLogin, JwtLogin, SalesforceSettings


def settings_for(announcement: Announcement, **changes: Any) -> SalesforceSettings:
    """Settings with client credentials for an emulated org, quick to give up."""
    settings = SalesforceSettings(
        login_url=announcement.url,
        login=ClientCredentialsLogin(announcement.client_id, lambda: announcement.client_secret),
        insecure_hosts=frozenset({"localhost", "127.0.0.1"}),
        read_seconds=5.0,
        total_seconds=10.0,
        stream_margin_seconds=1.0,
        stream_request_seconds=5.0,
    )
    return replace(settings, **changes)


def jwt_login(announcement: Announcement) -> JwtLogin:
    """The JWT bearer flow with the emulated org's own key."""
    key = Path(announcement.private_key_file)
    return JwtLogin(announcement.client_id, announcement.username, key.read_text)
