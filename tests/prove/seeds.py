"""Seeded histories, of the model and of the flow itself; and how soon planted defects are noticed.

Histories of the flow have event loops of their own, so all of this runs in a thread that has none.
"""

import asyncio
from collections.abc import Callable, Iterator

from tests.prove.figure import Seen, Stage
from tests.simulation import defects as flow_defects
from tests.simulation import history as flow
from tests.support.model import defects as model_defects
from tests.support.model import history as model

MODEL_SEEDS = 200_000
FLOW_SEEDS = 5_000
KILL_WITHIN = 2_000
_TOLD = 20
_EVERY = 50


async def every_history(stage: Stage) -> Seen:
    """Every seed from 0 on, first of the flow and then of the model."""
    return await asyncio.to_thread(_every_history, stage)


def _every_history(stage: Stage) -> Seen:
    flows, models = stage.size(FLOW_SEEDS, 20), stage.size(MODEL_SEEDS, 200)
    of_flow = [(seed, flow.play(seed).broken) for seed in _counted(stage, flows, 0.0)]
    of_model = [(seed, model.play(seed)[1]) for seed in _counted(stage, models, 0.5)]
    failed = [f"python -m tests.simulation {seed}: {broken[0]}" for seed, broken in of_flow if broken]
    failed_models = [
        f"python -m tests.support.model {seed}: {broken[0]}" for seed, broken in of_model if broken
    ]
    figure = (
        f"{len(failed_models)} of {models:,} of the model and {len(failed)} of {flows:,} of the flow fail"
    )
    notes = [*failed_models, *failed]
    return Seen(figure, not notes, tuple(notes[:_TOLD]))


def _counted(stage: Stage, seeds: int, before: float) -> Iterator[int]:
    """The seeds, telling how far they are; `before` is the part of the whole that was done before them."""
    for seed in range(seeds):
        if seed % _EVERY == 0:
            stage.progress(round(100 * (before + 0.5 * seed / seeds)), 100)
        yield seed


async def planted_defects(stage: Stage) -> Seen:
    """Every planted defect, until its own oracle wakes."""
    return await asyncio.to_thread(_planted_defects, stage)


def _planted_defects(stage: Stage) -> Seen:
    hunts = [*_flow_hunts(), *_model_hunts()][:: stage.size(1, 12)]
    needed: list[int] = []
    alive: list[str] = []
    for number, (name, wakes) in enumerate(hunts, 1):
        found = next((seed for seed in range(KILL_WITHIN) if wakes(seed)), None)
        if found is None:
            alive.append(f"{name}: not noticed in {KILL_WITHIN:,} histories")
        else:
            needed.append(found + 1)
        stage.progress(number, len(hunts))
    slowest = max(needed, default=0)
    return Seen(f"{len(needed)} of {len(hunts)}; the slowest after {slowest} seeds", not alive, tuple(alive))


def _flow_hunts() -> Iterator[tuple[str, Callable[[int], bool]]]:
    for name, defect in flow_defects.DEFECTS.items():
        yield f"flow: {name}", defect.woken


def _model_hunts() -> Iterator[tuple[str, Callable[[int], bool]]]:
    for name, (make, oracle) in model_defects.DEFECTS.items():

        def wakes(seed: int, make: model.MakeShell = make, oracle: str = oracle) -> bool:
            planted = any(violation.oracle == oracle for violation in model.play(seed, make)[1])
            return planted and not any(violation.oracle == oracle for violation in model.play(seed)[1])

        yield f"model: {name}", wakes
