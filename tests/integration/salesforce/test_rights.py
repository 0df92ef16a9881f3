"""Who we are in an emulated org, and the causes that the doctor names where a program is not let in."""

from dataclasses import replace

import pytest

from adapters.emulator import Emulator
from adapters.memory.meter import MemoryMeter
from adapters.salesforce import Salesforce, connect
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.ports.rights import Permission
from daemon.runtime.clock import SystemClock
from tests.integration.salesforce.connecting import jwt_login, settings_for
from tests.integration.salesforce.control import Control
from tests.integration.salesforce.test_login import (
    ORG,
    TokenEndpoint,
    endpoint,
    failure_of,
    provider,
    settings_at,
)

__all__ = ["endpoint"]


async def test_the_integration_user_is_known_with_its_profile(
    emulator: Emulator, salesforce: Salesforce
) -> None:
    caller = await salesforce.rights.caller()
    assert (caller.username, caller.user_type) == (emulator.announcement.username, "Standard")
    assert caller.profile == "Minimum Access - API Only Integrations"
    assert caller.permissions[Permission.API_ENABLED]
    assert caller.permissions[Permission.API_ONLY]


@pytest.mark.requirement("S4-02")
async def test_an_administrator_is_known_as_one(emulator: Emulator, meter: MemoryMeter) -> None:
    person = replace(jwt_login(emulator.announcement), username="avery.admin@isthmus.example")
    async with connect(settings_for(emulator.announcement, login=person), SystemClock(), meter) as org:
        caller = await org.rights.caller()
    assert caller.profile == "System Administrator"
    assert not caller.permissions[Permission.API_ONLY]


async def test_a_profile_that_may_not_be_seen_is_no_obstacle(
    control: Control, salesforce: Salesforce
) -> None:
    await control.post("permissions", object="Profile", readable=False)
    caller = await salesforce.rights.caller()
    assert caller.profile == ""
    assert caller.username.startswith("integration@")


@pytest.mark.requirement("S4-09")
async def test_what_is_hidden_from_the_user_is_not_known_and_what_is_read_only_is_no_target(
    control: Control, salesforce: Salesforce
) -> None:
    await control.post("permissions", object="Account", field="Phone", readable=False)
    await control.post("permissions", object="Account", field="Website", editable=False)
    await control.post("permissions", object="Lead", readable=False)
    described = await salesforce.catalogue.describe_all(["Account", "Lead"], whole=True)
    assert "Lead" not in described
    fields = described["Account"].fields
    assert "Phone" not in fields
    assert (fields["Website"].createable, fields["Website"].updateable) == (False, False)
    assert fields["Name"].updateable


@pytest.mark.requirement("S4-04")
async def test_a_user_without_api_enabled_is_told_by_name(control: Control, salesforce: Salesforce) -> None:
    await control.post("permissions", permission="ApiEnabled", granted=False)
    refused = (await failure_of(salesforce.catalogue.organisation)).failure
    assert (refused.kind, refused.code) == (FailureKind.PERMISSION, "API_DISABLED_FOR_ORG")
    assert "Grant the user the permission API Enabled" in refused.advice


@pytest.mark.requirement("S4-05", "S4-06")
async def test_a_profile_that_wants_high_assurance_is_explained_after_one_login(
    control: Control, salesforce: Salesforce
) -> None:
    await control.post("switches", high_assurance_profiles=True)
    refused = (await failure_of(salesforce.catalogue.organisation)).failure
    assert (refused.kind, refused.code) == (FailureKind.AUTHENTICATION, "INVALID_SESSION_ID")
    assert "Session security level required at login to None" in refused.advice
    assert "High Assurance at the level of the profile blocks API use" in refused.advice
    assert "the setting of the single user has no effect" in refused.advice
    assert len(await control.requests("/oauth2/token")) == 1  # a new token would be refused too


@pytest.mark.requirement("S4-07")
@pytest.mark.parametrize("granted", [True, False])
async def test_use_any_api_client_is_known_with_api_access_control(
    control: Control, salesforce: Salesforce, granted: bool
) -> None:
    assert Permission.USE_ANY_API_CLIENT not in (await salesforce.rights.caller()).permissions
    await control.post("switches", api_access_control=True)
    await control.post("permissions", permission="UseAnyApiClient", granted=granted)
    assert (await salesforce.rights.caller()).permissions[Permission.USE_ANY_API_CLIENT] is granted


@pytest.mark.requirement("S4-08")
async def test_approve_uninstalled_connected_apps_is_known(control: Control, salesforce: Salesforce) -> None:
    await control.post("permissions", permission="ApproveUninstalledConnectedApps", granted=False)
    caller = await salesforce.rights.caller()
    assert caller.permissions[Permission.APPROVE_UNINSTALLED] is False


@pytest.mark.requirement("S4-07", "S4-08")
async def test_a_login_through_an_app_that_is_not_installed_names_both_permissions(
    endpoint: TokenEndpoint,
) -> None:
    endpoint.status = 400
    endpoint.answer = {"error": "invalid_client", "error_description": "app must be installed into org"}
    async with provider(settings_at(endpoint.url)) as tokens:
        refused = (await failure_of(tokens.token)).failure
    assert refused.kind is FailureKind.AUTHENTICATION
    assert "Use Any API Client where API Access Control is on" in refused.advice
    assert "Approve Uninstalled Connected Apps where it is off" in refused.advice


@pytest.mark.requirement("S4-14")
async def test_a_renewed_login_that_leads_to_another_org_is_no_login(endpoint: TokenEndpoint) -> None:
    other = "00D7R000009ZzYxUAK"
    async with provider(settings_at(endpoint.url)) as tokens:
        first = await tokens.token()
        assert first.org_id == ORG
        endpoint.answer = {"id": f"{endpoint.url}/id/{other}/0057R000009wXyZQAU"}
        for _ in range(2):
            with pytest.raises(CallFailedError) as caught:
                await tokens.renew(first)
            refused = caught.value.failure
            assert (refused.kind, refused.code) == (FailureKind.AUTHENTICATION, "ANOTHER_ORG")
            assert other in refused.message
            assert "Authorise the daemon anew" in refused.advice


@pytest.mark.requirement("S4-14")
async def test_the_grant_of_a_refreshed_sandbox_is_asked_for_anew(endpoint: TokenEndpoint) -> None:
    endpoint.status = 400
    endpoint.answer = {"error": "invalid_grant", "error_description": "expired access/refresh token"}
    async with provider(settings_at(endpoint.url)) as tokens:
        refused = (await failure_of(tokens.token)).failure
    assert refused.kind is FailureKind.AUTHENTICATION
    assert "authorise the user for the app" in refused.advice
