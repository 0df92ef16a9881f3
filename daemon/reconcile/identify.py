"""Which record on the other side is meant, when there is no link yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from daemon.domain.failure import Reason
from daemon.domain.link import LinkOrigin
from daemon.domain.mapping import Identify, IdentifyKind, Normalise
from daemon.domain.plan import Hold, Outcome

_ORIGINS = {
    IdentifyKind.EXTERNAL_ID: LinkOrigin.EXTERNAL_ID,
    IdentifyKind.SALESFORCE_ID: LinkOrigin.SALESFORCE_ID,
    IdentifyKind.FIELD: LinkOrigin.FIELD,
}


@dataclass(frozen=True, slots=True)
class Candidates:
    """What one rule found: the other side's keys or ids, and those of them that are linked elsewhere already."""

    rule: Identify
    found: tuple[str, ...]
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Match:
    """One counterpart, and how it was found."""

    counterpart: str
    origin: LinkOrigin


def choose(candidates: Sequence[Candidates]) -> Match | Hold | None:
    """The counterpart that the first rule with a hit names; a hold if it cannot be told; None if nothing matches.

    Rules are given in the order of the configuration. A rule whose only hits belong to other pairs does not fall
    through to the next: that would pair by a weaker identifier what a stronger one says belongs together.
    """
    for candidate in candidates:
        free = [item for item in candidate.found if item not in candidate.taken]
        if len(free) == 1 and len(candidate.found) == 1:
            return Match(free[0], _ORIGINS[candidate.rule.kind])
        if candidate.found:
            return _ambiguous(candidate) if len(candidate.found) > 1 else _taken(candidate)
    return None


def claimed_twice(counterpart: str) -> Hold:
    """Another record of the same batch matches this counterpart too: the first one has it."""
    return Hold(
        Outcome.PARK,
        "already_linked",
        f"Another record matches {counterpart} as well, and came first.",
        "Give one of the two another identifier, then retry; or link the pair by hand: isthmus link create.",
        Reason.DUPLICATE,
        candidates=(counterpart,),
    )


def normalised(text: str, rules: Sequence[Normalise]) -> str:
    """An identifier's text in the spelling that is compared."""
    for rule in rules:
        match rule:
            case Normalise.TRIM:
                text = text.strip()
            case Normalise.LOWER:
                text = text.lower()
            case Normalise.DIGITS:
                text = "".join(letter for letter in text if letter in "0123456789")
            case Normalise.DOMAIN:
                text = domain(text)
            case never:
                assert_never(never)
    return text


def domain(text: str) -> str:
    """The host of a URL or an e-mail address, in lower case, without a leading `www.`."""
    host = text.strip().lower().partition("://")[2] or text.strip().lower()
    host = host.split("/")[0].split("?")[0].split("#")[0].rpartition("@")[2]
    return host.partition(":")[0].removeprefix("www.")


def _ambiguous(candidate: Candidates) -> Hold:
    shown = ", ".join(candidate.found[:5])
    return Hold(
        Outcome.PARK,
        "ambiguous_identifier",
        f"{candidate.rule.salesforce} = {candidate.rule.column} matches more than one: {shown}.",
        "Make the identifier unique, or link the pair by hand: isthmus link create.",
        Reason.DUPLICATE,
        candidates=candidate.found,
    )


def _taken(candidate: Candidates) -> Hold:
    return Hold(
        Outcome.PARK,
        "already_linked",
        f"{candidate.rule.salesforce} = {candidate.rule.column} matches {candidate.found[0]}, which is linked elsewhere.",
        "Look at that pair with isthmus link list; remove its link, or give this record another identifier.",
        Reason.DUPLICATE,
        candidates=candidate.found,
    )
