"""What capture missed, made good: an error inside a trigger, or a trigger that was put back, leaves a note in the database."""

import structlog

from daemon.flow.parts import Parts
from daemon.flow.unlinked import enqueue_all_unlinked

log = structlog.get_logger(__name__)


class CaptureFaults:
    """Answers the notes, step by step. One that cannot be answered now is answered at the next look."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._unfinished: set[str] = set()

    async def make_good(self) -> None:
        """Compare every linked row of the steps with what was agreed, and find their new rows. Raises CallFailedError.

        The comparison forgets the notes, so new rows are looked for before it, and once more after it for those of the meantime.
        """
        store, steps = self._parts.store, self._parts.steps
        running = {step.name for step in steps.ordered if not step.still}
        self._unfinished |= await store.faulty_capture()
        for name in sorted(self._unfinished & running):
            step = steps.by_name[name]
            rows = await enqueue_all_unlinked(self._parts, step)
            async with self._parts.writing:
                pairs = await store.sweep(name, asked=False)
            rows += await enqueue_all_unlinked(self._parts, step)
            self._unfinished.discard(name)
            log.warning("capture_faults_made_good", step=name, rows=pairs, new_rows=rows)
