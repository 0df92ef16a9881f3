"""Seeded histories of the real core between two model sides, judged by oracles; and defects that must not pass them.

`ISTHMUS_SEEDS` is the number of histories. `python -m tests.support.model SEED` plays one again with its trace.
"""

import os

import pytest

from tests.support.model.defects import DEFECTS
from tests.support.model.history import play

SEEDS = int(os.environ.get("ISTHMUS_SEEDS", "20000"))
SHARDS = 8
KILL_WITHIN = 2_000


@pytest.mark.timeout(900)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_history_comes_to_rest_and_keeps_every_promise(shard: int) -> None:
    for seed in range(shard, SEEDS, SHARDS):
        history, broken = play(seed)
        if broken:
            pytest.fail("\n".join([f"seed {seed}", *history.trace, *map(str, broken)]))


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_wakes_its_oracle(defect: str) -> None:
    make, oracle = DEFECTS[defect]
    for seed in range(KILL_WITHIN):
        _, broken = play(seed, make)
        if any(violation.oracle == oracle for violation in broken):
            return
    pytest.fail(f"{defect} passed {KILL_WITHIN} histories without a violation of {oracle}")


@pytest.mark.parametrize("seed", [0, 7, 1049, 1549])
def test_one_seed_is_one_history(seed: int) -> None:
    assert play(seed)[0].digest() == play(seed)[0].digest()


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(29, id="our own event does not hide the value before it"),
        pytest.param(47, id="two writes on their way"),
        pytest.param(488, id="a redelivered event of ours"),
        pytest.param(990, id="a lost reply, then another edit of the row"),
        pytest.param(1049, id="no blind write over an undecided conflict"),
        pytest.param(1148, id="a user's event that looks like ours"),
        pytest.param(1549, id="a record made by us and deleted before we knew it"),
        pytest.param(508, id="a lost reply on a record that was never read"),
        pytest.param(5729, id="automation edits what we create"),
        pytest.param(13779, id="an upsert that updates a record out of the recycle bin"),
        pytest.param(3491, id="an old event of ours among the news"),
    ],
)
def test_histories_that_once_failed(seed: int) -> None:
    assert play(seed)[1] == []
