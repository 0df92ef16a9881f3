"""jsforce, with the CometD client that it brings along, listens to change events."""

import pytest

from tests.judges.trial import JSFORCE, play, scenarios

pytestmark = [pytest.mark.judge("jsforce"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("scenario", scenarios(JSFORCE / "stream.mjs"))
def test_stream(scenario: str, node: str, facts: dict[str, str]) -> None:
    play([node, "play.mjs", "stream"], scenario, facts, JSFORCE)
