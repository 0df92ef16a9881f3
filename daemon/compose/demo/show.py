"""The show: changes made on each side, one about every second, seen to arrive on the other; and a conflict now and then."""

import asyncio
import random
from itertools import count

from daemon.compose.demo.moves import Move, Moves, companies, people
from daemon.compose.demo.screen import Screen
from daemon.compose.demo.stage import Stage
from daemon.compose.demo.statements import STATEMENTS
from daemon.compose.demo.waiting import NotSeenError, until
from daemon.domain.failure import CallFailedError, UnreachableError
from daemon.domain.side import Side

_PAUSE = 1.0
_OPENING = 4
"""Changes before the first conflict, and the hints after it."""
_ROUND = 25
"""Changes from one conflict to the next."""


async def show(stage: Stage, screen: Screen) -> None:
    """Go on until cancelled. Raises UnreachableError when the daemon has ended."""
    dice = random.Random()  # noqa: S311 - a show
    moves = Moves(stage, dice, await people(stage), await companies(stage))
    screen.say("\nChanges, as they are made on one side and seen on the other:")
    for number in count():
        try:
            if number % _ROUND == _OPENING:
                await _conflict(stage, screen, moves)
            if number == _OPENING:
                await look_further(stage, screen, moves.person().key)
            await _play(stage, screen, moves.draw())
        except (NotSeenError, CallFailedError, UnreachableError) as error:
            if stage.daemon.ended:
                raise stage.daemon.failure() from None
            screen.say(f"  {error}", "bold red")  # whoever watches may have deleted what was to be changed
        await asyncio.sleep(_PAUSE)


async def _play(stage: Stage, screen: Screen, move: Move) -> None:
    target = Side.POSTGRES if move.source is Side.SALESFORCE else Side.SALESFORCE
    await move.make()
    begin = stage.clock.monotonic()
    await until(stage.clock, move.text, move.arrived)
    screen.arrival(move.source, target, move.text, (stage.clock.monotonic() - begin) * 1000)


async def _conflict(stage: Stage, screen: Screen, moves: Moves) -> None:
    """Both sides change one field while the daemon is held, so that neither change can have been seen by the other side."""
    person, (theirs, ours) = moves.person(), moves.two_titles()
    before = await stage.console.rows(STATEMENTS["newest_conflict"], person.record)
    stage.daemon.hold()
    try:
        await stage.org.update("Contact", person.record, {"Title": theirs})
        await stage.console.execute(STATEMENTS["set_title"], person.key, ours)
    finally:
        stage.daemon.resume()

    async def decided() -> bool:
        return await stage.console.rows(STATEMENTS["newest_conflict"], person.record) != before

    await until(stage.clock, f"a decision on {person.name}", decided)
    (entry,) = await stage.console.rows(STATEMENTS["newest_conflict"], person.record)
    screen.say(f"\nConflict: Contact {person.name}, both sides changed {entry['field']}", "yellow")
    screen.say(f'    salesforce "{entry["salesforce"]}", postgres "{entry["postgres"]}"', "yellow")
    screen.say(f"    rule {entry['rule']}: {entry['winner']} wins; the other value is kept\n", "yellow")


async def look_further(stage: Stage, screen: Screen, person: str) -> None:
    """Where to go from here; `person` is the key of somebody to try a change on."""
    waiting = [row for row in await stage.console.rows(STATEMENTS["parked"]) if row["key"] is not None]
    example = f"{waiting[-1]['step']} {waiting[-1]['key']}" if waiting else "people KEY"
    command, psql = stage.isthmus, stage.database.psql
    change = f"update crm.people set title = 'Astronaut' where id = '{person}'"  # noqa: S608 - shown, not sent
    screen.say("To look further, in another terminal:", "bold")
    for label, text in (
        ("the database", psql),
        ("a change of yours", f'{psql} -c "{change}"'),
        ("the org", stage.facts["url"]),
        ("  access token", stage.facts["access_token"]),
        ("metrics", stage.metrics_url),
        ("each step", f"{command} status"),
        ("one record, why", f"{command} record explain {example}"),
        ("what is parked", f"{command} parked list"),
        ("conflicts", f"{command} conflict list"),
        ("configuration", str(stage.configuration)),
    ):
        screen.say(f"  {label:<18} {text}")
    screen.say("Ctrl-C ends everything.\n", "bold")
