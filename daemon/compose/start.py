"""What must be true before the daemon serves: its own environment, our schema, capture, and the lease."""

import importlib.metadata
import uuid
from collections.abc import Mapping

import structlog

from adapters.postgres.kept import KeptFacts
from adapters.postgres.lease import PostgresLease
from adapters.postgres.pairs import stray_links
from adapters.postgres.pool import Pool
from daemon.compose.sides import OpenSides
from daemon.domain.failure import CallFailedError, ConfigurationError, RefusedError
from daemon.domain.mapping import Steps
from daemon.operations.marker import INSTANCE_SETTING, Instance
from daemon.ports.clock import Clock
from daemon.ports.database import Inspection
from daemon.ports.schemas import Kept

LEASE_PATIENCE = 4.0
"""Seconds to wait for a lease whose holder may just be leaving."""

ORG_SETTING = "org_id"
PROFILE_SETTING = "profile"

log = structlog.get_logger(__name__)

PACKAGES = ("daemon", "adapters")


def refuse_shared_environment() -> None:
    """Raises ConfigurationError where another distribution owns a package of ours: each would overwrite the other."""
    owners = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        others = sorted(set(owners.get(package, ())) - {"isthmus"})
        if others:
            raise ConfigurationError(
                f"isthmus shares its environment with {', '.join(others)}",
                f"both install a package named `{package}`, and the later one overwrites the earlier",
                "install isthmus into an environment of its own: uv tool install, pipx, or a new venv",
            )


async def current_schema(sides: OpenSides, *, migrate: bool) -> int:
    """The schema's version once it is the newest. Raises ConfigurationError for an old or a newer one."""
    applied, newest = await sides.database.schema_version()
    if applied < newest and migrate:
        await sides.database.migrate()
        applied, newest = await sides.database.schema_version()
    if applied < newest:
        raise ConfigurationError(
            f"the schema isthmus is at migration {applied} of {newest}",
            "this version of the daemon needs the newest one",
            "run: isthmus migrate   (it prints the SQL first with: isthmus migrate plan)",
        )
    if applied > newest:
        raise ConfigurationError(
            f"the schema isthmus is at migration {applied}, this version knows {newest}",
            "a newer version of isthmus has migrated it",
            "run that version, or a later one",
        )
    return applied


async def complete_capture(sides: OpenSides, steps: Steps, *, install: bool) -> None:
    """Triggers are there, enabled and as we would make them now. Raises ConfigurationError otherwise."""
    if install:
        await sides.database.capture_install(steps.ordered)
    problems = await sides.database.capture_check(steps.ordered)
    if problems:
        raise ConfigurationError(
            "capture is not complete, so local changes would not be seen",
            "; ".join(f"{problem.table}: {problem.what}" for problem in problems),
            "run: isthmus capture install   (it prints the SQL first with: isthmus capture plan)",
        )


async def same_pairs(pool: Pool, steps: Steps) -> None:
    """Every linked pair is of the object and the table that its step names. Raises RefusedError otherwise.

    An id of the former object names nothing under the new one: each record would look deleted, and its row would be deleted too.
    """
    found = await stray_links(pool, steps.ordered)
    if not found:
        return
    first, step = found[0], steps.by_name[found[0].step]
    what = "; ".join(f"{each.step} has {each.links} of {each.object} and {each.table}" for each in found)
    now, former = step.table.qualified, first.table
    statement = (
        f"UPDATE isthmus.link SET pg_table = '{now}' WHERE step = '{step.name}' AND pg_table = '{former}'"  # noqa: S608 - shown
    )
    rename = f"; or, if {former} itself was renamed to {now}: {statement}"
    raise RefusedError(
        f"the step {first.step} pairs {step.object} with {step.table.qualified}, and its links are of other records or rows",
        f"{what} (linked pairs); read as those of the step they would look deleted",
        "give the new pair a step with a name of its own" + (rename if first.object == step.object else ""),
    )


async def same_org(kept: KeptFacts, organisation: Mapping[str, str]) -> None:
    """Remember the org at the first start. Raises RefusedError for another one: its records are not those that are linked."""
    known, found = await kept.get(ORG_SETTING), organisation["id"]
    if known is None:
        await kept.put(ORG_SETTING, found)
    elif known != found:
        raise RefusedError(
            f"the database is in step with org {known}, and this is org {found}",
            "every link names a record of the former org; in this one they would all look deleted "
            "(a sandbox that was refreshed is another org, with new ids)",
            "correct salesforce.domain; or, for a refreshed or new sandbox, authorise the app there anew "
            "(docs/how-to/connect-salesforce.md) and start with an empty schema isthmus",
        )


async def note_profile(kept: Kept, inspection: Inspection, profile: str) -> None:
    """Write down a profile that is not the one of the last start: in the log, and among the operators' acts."""
    before = await kept.get(PROFILE_SETTING)
    if before == profile:
        return
    await kept.put(PROFILE_SETTING, profile)
    if before is None:
        log.info("profile", profile=profile)
        return
    log.info("profile_switched", before=before, profile=profile)
    request = {"from": before, "to": profile}
    await inspection.audit(operator="configuration", action="profile", request=request, outcome="in force")


async def this_instance(kept: KeptFacts, name: str) -> Instance:
    """The instance that this process is: the id that its database keeps, made at the first start, and its name."""
    known = await kept.get(INSTANCE_SETTING)
    if known is None:
        known = str(uuid.uuid4())
        await kept.put(INSTANCE_SETTING, known)
    return Instance(known, name)


async def take_lease(lease: PostgresLease, clock: Clock, patience: float = LEASE_PATIENCE) -> None:
    """Take the lease, waiting so many seconds for another holder. Raises RefusedError while another one lives after that."""
    deadline = clock.monotonic() + patience
    while not await _acquired(lease, patient=patience > LEASE_PATIENCE):
        if clock.monotonic() > deadline:
            found = await lease.holder()
            name, since = (
                (found[0], found[2].isoformat(timespec="seconds")) if found else ("another daemon", "now")
            )
            raise RefusedError(
                "another daemon keeps this database in step already",
                f"{name} holds the lease since {since}",
                "stop it first, wait until its lease ends (15 s after it was last seen), or stand by: isthmus run --standby",
            )
        await clock.sleep(0.5)


async def _acquired(lease: PostgresLease, *, patient: bool) -> bool:
    """Whether the lease could be taken. A standby outlives a database that does not answer for a while."""
    try:
        return await lease.acquire()
    except CallFailedError:
        if not patient:
            raise
        return False
