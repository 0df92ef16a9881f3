"""What a link's state says of its halves."""

import pytest

from daemon.domain.link import Link, LinkState


@pytest.mark.parametrize(
    ("state", "ended"),
    [
        (LinkState.LINKED, False),
        (LinkState.BROKEN, True),
        (LinkState.BLOCKED, False),
        (LinkState.UNLINKED, False),
        (LinkState.TOMBSTONE, True),
    ],
)
def test_a_link_that_has_ended_gives_way_and_one_that_forbids_does_not(state: LinkState, ended: bool) -> None:
    assert Link(1, "people", "Contact", "003000000000001AAA", "app.person", "1", state=state).ended is ended
