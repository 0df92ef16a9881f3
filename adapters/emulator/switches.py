"""Behaviours of the org that differ between real orgs, or that nobody has proved yet: each can be set by a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from adapters.emulator.members import FLAG, Kind, Shape, choice, no_such, number, whole

_KINDS: Shape = {
    "interface_origin": choice("client", "empty", "absent"),
    "drop_sessions_ratio": number(0, 1),
    "overflow_limit": whole(1),
    "event_batch": whole(1),
    "bulk_steps": whole(1),
    "locator_seconds": whole(1),
    "session_seconds": whole(1),
    "token_seconds": whole(1),
}
"""What a switch takes that is not what its default says: true or false, or a number of 0 or more."""


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
    conditions_in_composite: bool = True
    """A part of a Composite heeds the conditional headers (`If-Unmodified-Since` and the like) in its own `httpHeaders`."""
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
    """Creates and updates of Leads and Cases run the assignment rule unless `Sforce-Auto-Assign: FALSE` is sent."""
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
    first_interval: int = 0
    """Milliseconds of `interval` in the advice of the first connect."""
    changed_fields_in_events: bool = True
    """Headers carry `changedFields`; Salesforce's own pages disagree about CometD."""
    event_milliseconds: bool = True
    """Datetimes in events end in `.000Z`; older orgs were seen to write `Z` alone."""
    cleared_compound_is_null: bool = False
    """An address or name whose components are all cleared at once arrives as null, not as an object of nulls."""
    interface_origin: str = "client"
    """`changeOrigin` of changes in the user interface: `client` (SfdcInternalAPI), `empty`, or `absent`."""
    reparent_events: bool = False
    """Children that a merge moves to the winner send an UPDATE of their own."""
    cleared_lookup_events: bool = False
    """Lookups that a parent's deletion clears send an UPDATE."""
    conversion_event_modified_date: bool = True
    """The UPDATE of a lead that is converted carries LastModifiedDate."""
    event_for_made_and_deleted: bool = False
    """A record made and deleted in one transaction sends a DELETE; otherwise nothing tells of it."""
    primary_in_role_events: bool = False
    """Events of OpportunityContactRole carry IsPrimary."""
    refuse_unselected_channels: bool = False
    """The channel of an object that is not selected refuses a subscription, instead of staying silent."""
    locator_seconds: int = 900
    """How long a query locator outlives its last use."""
    upsert_200_from: int = 46
    """The API version from which an upsert that updates answers 200 with a body; 204 below."""
    api_access_control: bool = False
    """The org has API Access Control, and with it the permission Use Any API Client."""
    high_assurance_profiles: bool = False
    """Every profile wants High Assurance at login: a token is given, and no call that it makes is answered."""
    person_accounts: bool = False
    """The org has person accounts. As in Salesforce, they cannot be turned off again."""
    transaction_seconds: float = 0.0
    """How long a writing request holds its locks before it answers; others that want them get UNABLE_TO_LOCK_ROW."""
    session_seconds: int = 40
    """How long a CometD session outlives its last answer without a new connect."""
    token_seconds: int = 7200
    """How long an access token outlives its last use."""

    def set(self, name: str, value: object) -> None:
        """Set one switch. Raises ValueError for a name or value that does not exist."""
        known = sorted(item.name for item in fields(self))
        if name not in known:
            raise ValueError(no_such("switch", name, known))
        current = getattr(self, name)
        kind = _KINDS.get(name) or _kind_of(current)
        if not kind.fits(value):
            raise ValueError(f"{name} takes {kind.words}")
        if isinstance(current, float):
            value = float(str(value))
        if name == "person_accounts" and current and not value:
            raise ValueError("person accounts cannot be turned off again")
        setattr(self, name, value)

    def set_all(self, values: Mapping[str, object]) -> None:
        """Set several switches, all or none. Raises ValueError like `set`."""
        tried = replace(self)
        for name, value in values.items():
            tried.set(name, value)
        self.take_over(tried)

    def take_over(self, other: Switches) -> None:
        """Stand as another set of switches does."""
        for item in fields(self):
            setattr(self, item.name, getattr(other, item.name))

    def as_dict(self) -> dict[str, object]:
        """All switches by name."""
        return asdict(self)


def _kind_of(default: object) -> Kind:
    """What a switch takes by its default."""
    if isinstance(default, bool):
        return FLAG
    return whole(0) if isinstance(default, int) else number(0)
