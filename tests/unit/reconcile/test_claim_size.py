"""How many changes are taken up at once."""

from daemon.reconcile.claim_size import HOLD_ROUNDS, LARGE_BATCH, SMALL_BATCH, ClaimSize


def rounds(claim: ClaimSize, number: int, *, fixed: float, each: float) -> list[int]:
    """The sizes of rounds that find a backlog, where a round takes `fixed` seconds and `each` more for a change."""
    sizes = []
    for _ in range(number):
        sizes.append(claim.next)
        claim.after(claim.next, fixed + each * claim.next, saving=False)
    return sizes


def test_a_claim_is_small_until_there_is_a_backlog_and_again_after_it() -> None:
    claim = ClaimSize()
    assert rounds(claim, 3, fixed=0.1, each=0.0002) == [SMALL_BATCH, LARGE_BATCH, LARGE_BATCH]
    claim.after(LARGE_BATCH - 1, 0.1, saving=False)
    assert claim.next == SMALL_BATCH


def test_a_round_that_takes_long_for_its_records_becomes_smaller() -> None:
    assert rounds(ClaimSize(), 5, fixed=0.0, each=0.002) == [200, 2000, 1000, 500, 500]


def test_a_round_that_waits_for_salesforce_stays_large() -> None:
    sizes = rounds(ClaimSize(), HOLD_ROUNDS, fixed=5.0, each=0.0)
    assert sizes[:5] == [200, 2000, 1000, 2000, 2000]
    assert set(sizes[3:]) == {LARGE_BATCH}


def test_it_grows_again_when_rounds_are_quick() -> None:
    claim = ClaimSize()
    rounds(claim, 4, fixed=0.0, each=0.002)
    assert rounds(claim, 3, fixed=0.0, each=0.0001) == [500, 1000, 2000]


def test_while_calls_are_scarce_each_carries_as_much_as_it_can() -> None:
    claim = ClaimSize()
    claim.after(3, 9.0, saving=True)
    assert claim.next == LARGE_BATCH
