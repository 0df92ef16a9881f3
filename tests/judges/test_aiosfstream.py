"""aiosfstream-ng, which was written against real orgs, listens to change events."""

import sys

import pytest

from tests.judges.trial import PROGRAMS, play, scenarios

pytestmark = pytest.mark.judge("aiosfstream-ng")


@pytest.mark.parametrize("scenario", scenarios(PROGRAMS / "stream_client.py"))
def test_stream(scenario: str, facts: dict[str, str]) -> None:
    play([sys.executable, "-m", "tests.judges.programs.stream_client"], scenario, facts)
