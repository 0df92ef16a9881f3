"""Behaviours of the org that differ between real orgs, or that nobody has proved yet: each can be set by a test."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields


@dataclass(slots=True)
class Switches:
    """All switches with their defaults. `set` takes them by name, from the control API or the seed file."""

    merge_events: bool = True
    """Equal changes of several records in one transaction become one event."""
    event_on_no_change: bool = True
    """An update that changes no value still moves LastModifiedDate and sends an event."""
    false_in_create_events: bool = True
    """CREATE events carry checkboxes that are false."""
    large_text_diffs: bool = False
    """Updates of long text arrive as a diff object."""
    client_in_collections: bool = False
    """`Sforce-Call-Options: client=` reaches changeOrigin from Collections, Composite and Graph."""
    split_transaction_time: bool = False
    """The later events of one transaction carry a commitTimestamp one second after the first."""
    overflow_limit: int = 100_000
    """Changes in one transaction after which an overflow event replaces the rest."""
    event_batch: int = 500
    """Most events in one CometD answer."""
    drop_sessions_ratio: float = 0.0
    """Part of the CometD connects that find their session gone, as during a deployment of the service."""
    refresh_rotation: bool = True
    """Each refresh gives a new refresh token; using an old one revokes the whole grant."""
    auto_assign: bool = False
    """Creates and updates of Leads run the assignment rule unless `Sforce-Auto-Assign: FALSE` is sent."""
    daily_api_limit: int = 1_000_000
    """Allowance of API calls; beyond it every call is refused with REQUEST_LIMIT_EXCEEDED."""
    daily_event_limit: int = 0
    """Deliveries of events in 24 hours, over all subscribers; 0 is no limit."""
    concurrent_clients: int = 1000
    """CometD clients at the same time."""
    limit_info_per_app: bool = False
    """Sforce-Limit-Info in its long form, with the usage of the app."""
    bulk_shuffle: bool = True
    """Bulk result rows come in an order of their own."""
    bulk_steps: int = 1
    """Polls of a Bulk job that show it unfinished."""
    event_enrichment_unmerges: bool = True
    """On a channel with enriched fields a merged event arrives as copies that share one replay id."""
    session_seconds: int = 40
    """How long a CometD session outlives its last answer without a new connect."""
    token_seconds: int = 7200
    """How long an access token outlives its last use."""

    def set(self, name: str, value: object) -> None:
        """Set one switch. Raises KeyError for an unknown name and TypeError for a value of the wrong type."""
        known = {item.name for item in fields(self)}
        if name not in known:
            raise KeyError(name)
        current = getattr(self, name)
        if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(current) is not type(value):
            raise TypeError(f"{name} takes a {type(current).__name__}")
        setattr(self, name, value)

    def as_dict(self) -> dict[str, object]:
        """All switches by name."""
        return asdict(self)
