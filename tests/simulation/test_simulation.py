"""Seeded histories of the real flow, judged by oracles; and defects that must not pass them.

`ISTHMUS_SEEDS` is the number of histories of the model beside this (`tests/property/test_histories.py`); a fortieth of it is
played here, where each costs forty times as much. `python -m tests.simulation SEED` plays one again with its trace.
"""

import os

import pytest

from tests.simulation.defects import DEFECTS
from tests.simulation.history import play

SEEDS = int(os.environ.get("ISTHMUS_SEEDS", "20000")) // 40
SHARDS = 4
KILL_WITHIN = 2_000


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_history_comes_to_rest_and_keeps_every_promise(shard: int) -> None:
    failed = []
    for seed in range(shard, SEEDS, SHARDS):
        failed += [f"python -m tests.simulation {seed}: {violation}" for violation in play(seed).broken]
    assert not failed, "\n".join(failed)


@pytest.mark.timeout(900)
def test_rows_that_are_renamed_while_others_take_their_keys_keep_every_promise() -> None:
    failed = []
    for seed in range(SEEDS // 5):
        broken = play(seed, renames=True).broken
        failed += [f"python -m tests.simulation {seed} renames: {violation}" for violation in broken]
    assert not failed, "\n".join(failed)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_wakes_its_oracle(name: str) -> None:
    defect = DEFECTS[name]
    if not any(defect.woken(seed) for seed in (defect.known, *range(KILL_WITHIN))):
        pytest.fail(f"'{name}' passed {KILL_WITHIN} histories without a violation of {defect.oracle}")


@pytest.mark.parametrize("seed", [0, 12, 42, 170])
def test_one_seed_is_one_history(seed: int) -> None:
    assert play(seed).digest() == play(seed).digest()


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(3, id="a field cleared between a create of ours and its recovery"),
        pytest.param(5, id="a redelivered create of a record that was deleted since"),
        pytest.param(12, id="a redelivered event of what we had seen before we replaced it"),
        pytest.param(145, id="a redelivered event of what we wrote ourselves"),
        pytest.param(170, id="an unseen value told while the row was held"),
        pytest.param(229, id="an undelete after a delete that was seen by a clock ahead of Salesforce's"),
        pytest.param(788, id="an event of a row that is held, followed by a write within its second"),
        pytest.param(19, id="a deletion that waits for a person, found again by reading the object whole"),
        pytest.param(438, id="an update that is due before the create of its row"),
        pytest.param(212, id="a row deleted during the call that makes its record"),
        pytest.param(271, id="a value that was given back and is heard again"),
        pytest.param(95, id="a record deleted before anybody knew that we had made it"),
        pytest.param(540, id="a record of a create in doubt, told before the create has its turn"),
        pytest.param(601, id="a save between a lost position and the next session"),
        pytest.param(709, id="a create heard again of a record that was deleted since"),
        pytest.param(1240, id="an update in doubt of a record whose create was in doubt"),
    ],
)
def test_histories_that_once_failed(seed: int) -> None:
    assert play(seed).broken == []
