"""jsforce, which was written against real orgs: logins, records, Bulk API 2.0, the Metadata API, and sessions that end."""

import pytest

from tests.judges.trial import JSFORCE, play, scenarios

pytestmark = [pytest.mark.judge("jsforce"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("scenario", scenarios(JSFORCE / "logins.mjs"))
def test_logins(scenario: str, node: str, facts: dict[str, str]) -> None:
    play([node, "play.mjs", "logins"], scenario, facts, JSFORCE)


@pytest.mark.parametrize("scenario", scenarios(JSFORCE / "records.mjs"))
def test_records(scenario: str, node: str, facts: dict[str, str]) -> None:
    play([node, "play.mjs", "records"], scenario, facts, JSFORCE)


@pytest.mark.parametrize("scenario", scenarios(JSFORCE / "bulk.mjs"))
def test_bulk(scenario: str, node: str, facts: dict[str, str]) -> None:
    play([node, "play.mjs", "bulk"], scenario, facts, JSFORCE)


@pytest.mark.parametrize("scenario", scenarios(JSFORCE / "metadata.mjs"))
def test_metadata(scenario: str, node: str, facts: dict[str, str]) -> None:
    play([node, "play.mjs", "metadata"], scenario, facts, JSFORCE)


@pytest.mark.parametrize("scenario", scenarios(JSFORCE / "expiry.mjs"))
def test_expiry(scenario: str, node: str, facts: dict[str, str]) -> None:
    play([node, "play.mjs", "expiry"], scenario, facts, JSFORCE)
