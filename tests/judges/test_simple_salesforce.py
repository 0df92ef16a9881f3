"""simple-salesforce, which was written against real orgs: logins, records, and Bulk API 2.0."""

import sys

import pytest

from tests.judges.trial import PROGRAMS, play, scenarios

pytestmark = pytest.mark.judge("simple-salesforce")


@pytest.mark.parametrize("scenario", scenarios(PROGRAMS / "records_client.py"))
def test_records(scenario: str, facts: dict[str, str]) -> None:
    play([sys.executable, "-m", "tests.judges.programs.records_client"], scenario, facts)


@pytest.mark.parametrize("scenario", scenarios(PROGRAMS / "bulk_client.py"))
def test_bulk(scenario: str, facts: dict[str, str]) -> None:
    play([sys.executable, "-m", "tests.judges.programs.bulk_client"], scenario, facts)
