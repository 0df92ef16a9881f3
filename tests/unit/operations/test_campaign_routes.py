"""Who may look at campaigns, and who may link them."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from daemon.domain.failure import NotFoundError
from daemon.domain.mapping import Steps
from daemon.operations import campaigns
from daemon.operations.campaign_routes import campaign_routes
from daemon.ports.api import Role

if TYPE_CHECKING:
    from daemon.operations.office import Office

OFFICE = cast("Office", SimpleNamespace(parts=SimpleNamespace(steps=Steps(()))))


def test_looking_is_for_viewers_and_linking_for_administrators() -> None:
    roles = {(each.method, each.path): each.role for each in campaign_routes(OFFICE)}
    assert roles == {
        ("GET", "/api/v1/campaigns"): Role.VIEWER,
        ("POST", "/api/v1/campaigns:preview"): Role.VIEWER,
        ("POST", "/api/v1/campaigns"): Role.ADMIN,
        ("POST", "/api/v1/campaigns:create"): Role.ADMIN,
        ("DELETE", "/api/v1/campaigns/{key}"): Role.ADMIN,
    }


def test_without_the_section_there_are_no_campaigns() -> None:
    with pytest.raises(NotFoundError) as caught:
        campaigns.campaigns_step(OFFICE)
    assert caught.value.exit_status == 4
