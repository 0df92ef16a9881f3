"""`isthmus doctor`: is everything that a run needs in place, and if not, what mends it?

Every check has a name, a deadline and one outcome, and none stops another: a check whose ground is missing (no tables where
PostgreSQL was not reached) is skipped and says why. Nothing is written on either side.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from daemon.domain.failure import CallFailedError, IsthmusError
from daemon.operations.check import remark
from daemon.operations.examination import postgres, running, salesforce
from daemon.operations.examination.visit import (
    Check,
    Outcome,
    Patient,
    Result,
    SkipError,
    State,
    Visit,
    area,
    worst,
)
from daemon.operations.finding import Level

__all__ = ["NAMES", "DoctorReport", "Outcome", "Patient", "State", "examine"]

CHECK_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All checks in their order."""

    outcomes: tuple[Outcome, ...]

    def count(self, state: State) -> int:
        """How many checks ended so."""
        return sum(outcome.state is state for outcome in self.outcomes)

    @property
    def healthy(self) -> bool:
        """Whether no check failed."""
        return self.count(State.FAIL) == 0


async def examine(
    patient: Patient,
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    seconds: float = CHECK_SECONDS,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> DoctorReport:
    """Run every check whose name matches one of `only` (all, if empty) and none of `skip`; both are globs.

    `seconds` bounds each check. `tell` is called with every outcome as soon as it is known.
    """
    visit = Visit(patient, seconds)
    for name, (needs, examination) in _CHECKS.items():
        if (only and not _matches(name, only)) or _matches(name, skip):
            continue
        outcome = await _outcome(name, needs, examination, visit)
        visit.outcomes[name] = outcome
        tell(outcome)
    return DoctorReport(tuple(visit.outcomes.values()))


def _matches(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) or fnmatchcase(name, f"{glob}.*") for glob in globs)


async def _outcome(name: str, needs: Sequence[str], examination: Check, visit: Visit) -> Outcome:
    for needed in needs:
        ground = visit.outcomes.get(needed)
        if ground is not None and ground.state in {State.FAIL, State.SKIP}:
            return Outcome(name, State.SKIP, f"{needed} did not pass")
    try:
        async with asyncio.timeout(visit.seconds):
            return Outcome(name, *await examination(visit))
    except TimeoutError:
        fix = "Check the network and the load of the other side."
        return Outcome(name, State.FAIL, f"no answer within {visit.seconds:g} s", fix)
    except SkipError as nothing:
        return Outcome(name, State.SKIP, str(nothing))
    except IsthmusError as error:
        return Outcome(name, State.FAIL, f"{error.what}: {error.why}", error.fix)
    except CallFailedError as error:
        failure = error.failure
        return Outcome(name, State.FAIL, f"{failure.code}: {failure.message}", failure.advice)
    except Exception as error:  # noqa: BLE001 - told as an outcome; one defect must not hide what the other checks find
        found = f"the check itself failed: {type(error).__name__}: {error}"
        return Outcome(name, State.FAIL, found, "Report this with the output of `isthmus doctor --debug`.")


async def _config(visit: Visit) -> Result:
    configured = visit.patient.configured
    findings = [remark(Level.PROBLEM, found) for found in configured.secrets()]
    return worst(findings, f"{configured.steps} steps, every secret readable")


_BOTH: Final = ("postgres.reach", "salesforce.auth")

# Name, what must have passed before (if it was run), and the check.
_CHECKS: Final[Mapping[str, tuple[Sequence[str], Check]]] = {
    "config": ((), _config),
    "postgres.reach": ((), postgres.reach),
    "postgres.schema": (("postgres.reach",), postgres.schema),
    "salesforce.reach": ((), salesforce.reach),
    "salesforce.auth": (("salesforce.reach",), salesforce.auth),
    "salesforce.instance": (("salesforce.auth", "postgres.schema"), salesforce.instance),
    "salesforce.user": (("salesforce.auth",), salesforce.user),
    "salesforce.permissions": (("salesforce.auth",), salesforce.permissions),
    "salesforce.version": (("salesforce.reach",), salesforce.version),
    "config.mapping": (_BOTH, area("config", "every rule fits both sides")),
    "postgres.tables": (_BOTH, area("postgres.tables", "every table, column and type fits")),
    "postgres.rights": (_BOTH, area("postgres.rights", "the role may read and write what the steps need")),
    "postgres.capture": ((*_BOTH, "postgres.schema"), postgres.capture),
    "salesforce.objects": (_BOTH, area("salesforce.objects", "every object may be read and written")),
    "salesforce.fields": (_BOTH, area("salesforce.fields", "every field may be read and written")),
    "salesforce.external_ids": (_BOTH, area("salesforce.external_ids", "creates can be repeated safely")),
    "salesforce.identifiers": (_BOTH, salesforce.identifiers),
    "salesforce.lead_fields": (_BOTH, salesforce.lead_fields),
    "salesforce.cdc": (("salesforce.auth",), salesforce.cdc),
    "salesforce.budget": (("salesforce.auth",), running.budget),
    "clock.offset": ((), running.clock_offset),
    "stream": (("salesforce.auth",), running.stream),
}

NAMES: Final = tuple(_CHECKS)
