"""How the adapter is to reach the org, by what the configuration says."""

from typing import TYPE_CHECKING, cast

import pytest

from adapters.salesforce import JwtLogin
from daemon.compose.sides import salesforce_settings
from tests.unit.settings.sample import settings

if TYPE_CHECKING:
    from daemon.compose.rotation import RotatingToken

SANDBOX = (
    ("domain: acme.my", "domain: acme--uat.sandbox.my"),
    ("environment: production", "environment: sandbox"),
)


@pytest.mark.parametrize(
    ("changes", "host", "audience"),
    [
        ((), "https://acme.my.salesforce.com", "https://login.salesforce.com"),
        pytest.param(
            SANDBOX,
            "https://acme--uat.sandbox.my.salesforce.com",
            "https://test.salesforce.com",
            marks=pytest.mark.requirement("S4-12"),
        ),
    ],
    ids=["production", "sandbox"],
)
def test_each_kind_of_org_has_its_own_login_host_and_audience(
    changes: tuple[tuple[str, str], ...], host: str, audience: str
) -> None:
    wanted = salesforce_settings(settings(*changes), cast("RotatingToken", None))
    assert wanted.login_url == host
    assert isinstance(wanted.login, JwtLogin)
    assert wanted.login.audience == audience
