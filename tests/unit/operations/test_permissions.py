"""What the doctor says of the user that the daemon is in the org."""

from dataclasses import replace

import pytest

from daemon.domain.failure import RefusedError
from daemon.operations.doctor import State
from daemon.operations.finding import Level
from daemon.operations.permissions import check_environment, permission_finding, user_finding
from daemon.ports.rights import Caller, Permission
from tests.unit.operations.sides import KnownRights
from tests.unit.operations.test_doctor import one

INTEGRATION = KnownRights().known


def with_permissions(**granted: bool) -> Caller:
    return replace(INTEGRATION, permissions={Permission[name]: has for name, has in granted.items()})


def test_an_integration_user_of_its_own_is_as_it_should_be() -> None:
    found = user_finding(INTEGRATION)
    assert found.level is Level.OK
    assert found.what == "i@acme.com, profile Minimum Access - API Only Integrations: an integration user"


@pytest.mark.requirement("S4-02")
@pytest.mark.parametrize(
    ("person", "said"),
    [
        (replace(INTEGRATION, profile="System Administrator"), "an administrator's account, most likely a person's"),
        (replace(INTEGRATION, profile="", user_type="PowerPartner"), "i@acme.com: a user of the type PowerPartner"),
        (with_permissions(API_ONLY=False), "may log in to the user interface"),
    ],
)  # fmt: skip
async def test_a_user_that_may_be_a_person_is_warned_of(person: Caller, said: str) -> None:
    found = await one("salesforce.user", rights=KnownRights(person))
    assert found.state is State.WARN
    assert said in found.found
    assert "an integration user of its own, so that its writes are recognisable" in found.fix


@pytest.mark.requirement("S4-04")
async def test_a_user_without_api_enabled_fails_by_that_name() -> None:
    found = await one("salesforce.permissions", rights=KnownRights(with_permissions(API_ENABLED=False)))
    assert (found.state, found.found) == (State.FAIL, "i@acme.com lacks the permission API Enabled")
    assert found.fix.endswith("System Permissions > API Enabled")


@pytest.mark.requirement("S4-07")
async def test_with_api_access_control_the_permission_is_named_where_it_is_missing() -> None:
    lacks = with_permissions(API_ENABLED=True, USE_ANY_API_CLIENT=False, APPROVE_UNINSTALLED=True)
    found = await one("salesforce.permissions", rights=KnownRights(lacks))
    assert found.state is State.WARN
    assert "the org has API Access Control, and i@acme.com lacks Use Any API Client" in found.found
    assert "grant Use Any API Client" in found.fix
    has = with_permissions(API_ENABLED=True, USE_ANY_API_CLIENT=True)
    assert (await one("salesforce.permissions", rights=KnownRights(has))).state is State.OK


@pytest.mark.requirement("S4-08")
def test_without_api_access_control_the_other_permission_is_named() -> None:
    lacks = permission_finding(with_permissions(API_ENABLED=True, APPROVE_UNINSTALLED=False))
    assert lacks.level is Level.OK  # the app has just been let in
    assert lacks.what.startswith(
        "API Enabled is granted; Approve Uninstalled Connected Apps is missing, and needed only"
    )
    has = permission_finding(with_permissions(API_ENABLED=True, APPROVE_UNINSTALLED=True))
    assert has.what == "API Enabled is granted, and so is Approve Uninstalled Connected Apps"
    assert permission_finding(with_permissions()).what == "the API answers"


async def test_an_org_that_is_not_asked_who_we_are_is_skipped() -> None:
    assert (await one("salesforce.user", rights=None)).state is State.SKIP


@pytest.mark.requirement("S4-13")
@pytest.mark.parametrize(
    ("expected", "sandbox", "said"),
    [
        (True, "false", "a sandbox has users of its own: credentials or a token of production lead to production"),
        (False, "true", "a sandbox has users, apps and tokens of its own"),
    ],
)  # fmt: skip
def test_the_wrong_kind_of_org_is_refused_with_the_explanation(
    expected: bool, sandbox: str, said: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        check_environment(expected, {"id": "00D", "name": "Acme", "is_sandbox": sandbox})
    assert said in refused.value.why
    assert refused.value.fix.startswith("connect with ")


@pytest.mark.parametrize(
    ("expected", "sandbox"), [(None, "true"), (True, "true"), (False, "false"), (True, "")]
)
def test_an_org_of_the_right_kind_passes(expected: bool | None, sandbox: str) -> None:
    check_environment(expected, {"id": "00D", "is_sandbox": sandbox})
