"""Differences between two descriptions, and what is held, in words."""

import pytest

from daemon.domain.drift import Difference, Drift, DriftKind
from daemon.domain.side import Side


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (
            Difference(Side.SALESFORCE, "Account", "Rating", DriftKind.ADDED, now="picklist"),
            "Account.Rating is new (picklist)",
        ),
        (
            Difference(Side.POSTGRES, "app.company", "rating", DriftKind.REMOVED, was="text"),
            "app.company.rating is gone (it was text)",
        ),
        (Difference(Side.SALESFORCE, "Account", "", DriftKind.REMOVED), "Account is gone"),
        (
            Difference(Side.POSTGRES, "app.company", "rating", DriftKind.RETYPED, "text", "integer"),
            "app.company.rating was text and is integer",
        ),
        (
            Difference(Side.SALESFORCE, "Account", "Rating", DriftKind.PERMISSION, "writable", "read-only"),
            "Account.Rating was writable and is read-only",
        ),
    ],
)
def test_a_difference_is_said_in_one_line(difference: Difference, said: str) -> None:
    assert str(difference) == said


@pytest.mark.parametrize(("field", "held"), [("Rating", "Rating is held"), (None, "the whole step is held")])
def test_what_is_held_is_said_with_the_cure(field: str | None, held: str) -> None:
    drift = Drift("companies", field, "Account.Rating is gone", "give it back")
    assert str(drift) == f"companies: Account.Rating is gone; {held}: give it back"
