"""Two records of one batch that name the same counterpart."""

from daemon.domain.failure import Reason
from daemon.domain.plan import Outcome
from daemon.reconcile.identify import claimed_twice


def test_the_second_claimant_is_parked_with_the_counterpart_it_wanted() -> None:
    hold = claimed_twice("17")
    assert (hold.outcome, hold.code, hold.reason) == (Outcome.PARK, "already_linked", Reason.DUPLICATE)
    assert hold.candidates == ("17",)
    assert "17" in hold.explanation
    assert "isthmus link create" in hold.advice
