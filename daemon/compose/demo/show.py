"""The show: changes made on each side, one about every second, seen to arrive on the other; and a conflict now and then."""

import asyncio
import random
from itertools import count

from daemon.compose.demo.moves import Move, Moves, companies, people
from daemon.compose.demo.screen import Screen
from daemon.compose.demo.stage import Stage
from daemon.compose.demo.statements import STATEMENTS
from daemon.compose.demo.waiting import NotSeenError, until
from daemon.domain.side import Side

_PAUSE = 1.0
_OPENING = 4
"""Changes before the first conflict and the hints."""
_ROUND = 25
"""Changes from one conflict, and from one showing of the hints, to the next."""


async def show(stage: Stage, screen: Screen) -> None:
    """Go on until cancelled."""
    dice = random.Random()  # noqa: S311 - a show
    moves = Moves(stage, dice, await people(stage), await companies(stage))
    screen.say("\nChanges, as they are made on one side and seen on the other:")
    for number in count():
        if number % _ROUND == _OPENING:
            await _conflict(stage, screen, moves)
            look_further(stage, screen)
        await _play(stage, screen, moves.draw())
        await asyncio.sleep(_PAUSE)


async def _play(stage: Stage, screen: Screen, move: Move) -> None:
    target = Side.POSTGRES if move.source is Side.SALESFORCE else Side.SALESFORCE
    await move.make()
    begin = stage.clock.monotonic()
    try:
        await until(stage.clock, move.text, move.arrived)
        milliseconds = (stage.clock.monotonic() - begin) * 1000
    except NotSeenError:
        milliseconds = None
    screen.arrival(move.source, target, move.text, milliseconds)


async def _conflict(stage: Stage, screen: Screen, moves: Moves) -> None:
    """Both sides change one field while the daemon is held, so that neither change can have been seen by the other side."""
    person, theirs = moves.person(), moves.title()
    ours = moves.title(other_than=theirs)
    before = await stage.console.rows(STATEMENTS["newest_conflict"], person.record)
    stage.daemon.hold()
    try:
        await stage.org.update("Contact", person.record, {"Title": theirs})
        await stage.console.execute(STATEMENTS["set_title"], person.key, ours)
    finally:
        stage.daemon.resume()

    async def decided() -> bool:
        return await stage.console.rows(STATEMENTS["newest_conflict"], person.record) != before

    try:
        await until(stage.clock, "the decision", decided)
    except NotSeenError as error:
        screen.say(f"  {error}", "bold red")
        return
    (entry,) = await stage.console.rows(STATEMENTS["newest_conflict"], person.record)
    screen.say(f"\nConflict: Contact {person.name}, both sides changed {entry['field']}", "yellow")
    screen.say(f'    salesforce "{entry["salesforce"]}", postgres "{entry["postgres"]}"', "yellow")
    screen.say(f"    rule {entry['rule']}: {entry['winner']} wins; the other value is kept\n", "yellow")


def look_further(stage: Stage, screen: Screen) -> None:
    """Where to go from here."""
    command, psql = stage.isthmus, stage.database.psql
    change = "update crm.people set title = 'Astronaut' where last_name = 'Okafor'"
    screen.say("To look further, in another terminal:", "bold")
    for label, text in (
        ("the database", psql),
        ("a change of yours", f'{psql} -c "{change}"'),
        ("the org", stage.facts["url"]),
        ("  access token", stage.facts["access_token"]),
        ("metrics", stage.metrics_url),
        ("each step", f"{command} status"),
        ("one record, why", f"{command} record explain people KEY"),
        ("what is parked", f"{command} parked list"),
        ("conflicts", f"{command} conflict list"),
        ("configuration", str(stage.configuration)),
    ):
        screen.say(f"  {label:<18} {text}")
    screen.say("Ctrl-C ends everything.\n", "bold")
