"""What goes wrong in one history, drawn from its seed: each history turns on its own few of the faults."""

import random
from dataclasses import dataclass, fields


@dataclass(slots=True)
class Weather:
    """Chances from 0 to 1, each for one call, statement or batch; spans in seconds."""

    lag: float = 0.0  # of a statement or a call, at most
    stream_lag: float = 0.0  # of events behind their commits, at most
    lost_request: float = 0.0  # never arrives, and no answer comes
    lost_reply: float = 0.0  # arrives and is done, and no answer comes
    refused: float = 0.0  # the API allowance is used up
    expired: float = 0.0  # the token is refused
    locked: float = 0.0  # UNABLE_TO_LOCK_ROW, for one record
    dropped: float = 0.0  # the stream's session ends
    redelivered: float = 0.0  # a batch begins some events too early
    forgotten: float = 0.0  # as a session begins: Salesforce has let go of all but the newest events
    statement: float = 0.0  # a statement of the daemon's fails, and its transaction with it
    unanswered: float = 0.0  # a commit took effect, and no answer comes
    deaf: float = 0.0  # a life of the daemon hears no ring
    crash: float = 0.0  # the daemon dies in a statement or a call

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        for item in fields(self):
            setattr(self, item.name, 0.0)


_MOST = Weather(
    lag=0.3,
    stream_lag=3.0,
    lost_request=0.08,
    lost_reply=0.08,
    refused=0.05,
    expired=0.03,
    locked=0.08,
    dropped=0.05,
    redelivered=0.3,
    forgotten=0.8,
    statement=0.02,
    unanswered=0.05,
    deaf=0.5,
    crash=0.006,
)
_ALWAYS = frozenset({"lag", "stream_lag"})


def drawn(rng: random.Random) -> Weather:
    """The weather of one history: fair in some, and bad in its own way in the others."""
    weather = Weather()
    fair = rng.random() < 0.25
    for item in fields(Weather):
        on = item.name in _ALWAYS or (not fair and rng.random() < 0.4)
        if on:
            setattr(weather, item.name, getattr(_MOST, item.name) * rng.random())
    return weather
