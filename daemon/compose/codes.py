"""The catalogue of all codes that an operator may meet: the daemon's own and those of both sides.

Nothing here needs a library of either side, so that a code is explained at once.
"""

from typing import Final

from adapters.postgres import sqlstates
from adapters.salesforce import fault_table
from daemon.domain import own_faults
from daemon.domain.fault import Chapter

CATALOGUE: Final[tuple[Chapter, ...]] = (
    *own_faults.CHAPTERS,
    *fault_table.CHAPTERS,
    *sqlstates.CHAPTERS,
)
