"""From how many records on a backlog is written in bulk."""

import pytest

from tests.unit.settings.sample import refused, settings


def _setting(value: str) -> tuple[str, str]:
    return "  auth:\n", f"  limits: {{ bulk_write_from: {value} }}\n  auth:\n"


@pytest.mark.requirement("S4-03")
def test_writing_in_bulk_is_the_default_and_can_be_set_or_turned_off() -> None:
    assert settings().salesforce.limits.bulk_writes == 2000
    assert settings(_setting("500")).salesforce.limits.bulk_writes == 500
    assert settings(_setting("off")).salesforce.limits.bulk_writes is None


@pytest.mark.parametrize("value", ["199", "10001", "on", "true", "1.5"])
def test_what_makes_no_sense_is_refused(value: str) -> None:
    (said,) = refused(_setting(value))
    assert said == (
        "isthmus.yaml:7: salesforce.limits.bulk_write_from: must be a whole number from 200 to 10000, or off"
    )
