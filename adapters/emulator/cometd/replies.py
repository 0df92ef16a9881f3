"""The answers of the streaming endpoint, good and bad, in Salesforce's words.

Every answer repeats the channel and the id of its request, and a subscription is named also when it fails: clients match answers by these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Message: TypeAlias = Mapping[str, object]
Answer: TypeAlias = dict[str, object]

AUTHENTICATION_INVALID = "401::Authentication invalid"
AUTHENTICATION_REQUIRED = "401::Request requires authentication"
UNKNOWN_CLIENT = "403::Unknown client"
NO_HANDSHAKE = "403::Client has not completed handshake"
WRONG_USER = "400::Authenticated user id does not match the session's user id"
CHANNEL_MISSING = "400::Channel name not specified"
CHANNEL_SLASH = "400::Channel subscriptions must start with a leading '/'"
NO_VIEW_ALL = "403::User not allowed to subscribe CDC without View All Data permissions"
TOO_MANY_CLIENTS = "403::Organization concurrent user limit exceeded"
TOO_MANY_EVENTS = "403::Organization total events daily limit exceeded"
VERSION_MISSING = "400::API version in the URI is mandatory. URI format: '/cometd/67.0'"
VERSION_TOO_OLD = "400::Unsupported API version. Only API versions '37.0' and later are supported."

HANDSHAKE_ADVICE: Answer = {"interval": 0, "reconnect": "handshake"}
STOP_ADVICE: Answer = {"reconnect": "none", "interval": 0}
_EXT: Answer = {"replay": True, "payload.format": True}


def again(interval: int, timeout: int) -> Answer:
    """The advice of a first connect. Both numbers are milliseconds."""
    return {"reconnect": "retry", "interval": interval, "timeout": timeout}


def accepted(message: Message, **extra: object) -> Answer:
    """A successful answer."""
    return _base(message) | {"successful": True} | extra


def refused(message: Message, error: str, advice: Answer | None = None) -> Answer:
    """A failed answer; a subscription that failed is named."""
    answer = _base(message) | {"successful": False, "error": error}
    if "subscription" in message:
        answer["subscription"] = message["subscription"]
    if advice is not None:
        answer["advice"] = dict(advice)
    return answer


def shaken(message: Message, client_id: str) -> Answer:
    """The answer to a good handshake: long polling only, and replay is offered."""
    return accepted(
        message,
        clientId=client_id,
        version="1.0",
        minimumVersion="1.0",
        supportedConnectionTypes=["long-polling"],
        ext=dict(_EXT),
    )


def handshake_denied(message: Message, reason: str) -> Answer:
    """A refused handshake: the outer error is always 403, the reason is inside."""
    answer = refused(message, "403::Handshake denied", {"reconnect": "none"})
    return answer | {"ext": {"sfdc": {"failureReason": reason}, **_EXT}}


def replay_invalid(message: Message, replay_id: object) -> Answer:
    """The replay id is not on the stream. The braces and the two spaces are Salesforce's."""
    return refused(
        message,
        f"400::The replayId {{{replay_id}}} you provided was invalid.  "
        "Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.",
    )


def channel_unknown(message: Message, channel: str) -> Answer:
    """There is no such channel."""
    return refused(message, f"400::The channel you requested to subscribe to doesn't exist {{{channel}}}")


def cookie_missing(message: Message, client_id: str) -> Answer:
    """The client did not bring back the cookie of its handshake."""
    return refused(
        message, f"400::Client {client_id} has established a session, but no BAYEUX_BROWSER cookie present"
    )


def _base(message: Message) -> Answer:
    answer: Answer = {"channel": message.get("channel")}
    for name in ("id", "clientId"):
        if name in message:
            answer[name] = message[name]
    return answer
