"""The whole configuration as one value."""

from typing import Literal

from pydantic import Field, PrivateAttr

from daemon.settings.campaigns import CAMPAIGN_OBJECTS, CampaignSettings
from daemon.settings.connections import DatabaseSettings, SalesforceSettings
from daemon.settings.destinations import member_name
from daemon.settings.errors import Origin
from daemon.settings.filters import Saved
from daemon.settings.merge import Origins, Path
from daemon.settings.scalars import Identifier, Section, Text
from daemon.settings.service import HttpSettings, LogSettings, RetentionSettings
from daemon.settings.steps import DefaultSettings, StepSettings


class Settings(Section):
    """The configuration of one daemon: one org, one database, the steps between them."""

    version: Literal[1]
    """Version of this format."""
    name: Text = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    """Name of this pair of org and database; shown in logs and metrics, and sent along with every write."""
    profile: Literal["default", "custom"] = "custom"
    """default: the built-in steps over the tables of docs/how-to/default-profile.md. custom: the steps are exactly those listed here."""
    salesforce: SalesforceSettings
    """The Salesforce org."""
    database: DatabaseSettings
    """The PostgreSQL database."""
    defaults: DefaultSettings = DefaultSettings()
    """What every step inherits."""
    filters: dict[Identifier, Saved] = Field(default_factory=dict)
    """Filters that are saved under a name, for steps to load."""
    steps: tuple[StepSettings, ...] = Field(default=(), min_length=1, validate_default=True)
    """The relations between tables and objects. With `profile: default` they are built in, and none is written."""
    campaigns: CampaignSettings | None = None
    """Campaigns with their members and statuses. Each is linked by an operator: isthmus campaign."""
    http: HttpSettings = HttpSettings()
    """What the daemon listens on."""
    log: LogSettings = LogSettings()
    """What is logged, and how."""
    retention: RetentionSettings = RetentionSettings()
    """How long history is kept."""

    _origins: Origins = PrivateAttr(default_factory=lambda: Origins({}, {}))

    def origin(self, path: Path) -> Origin:
        """Where the value at a path was written, or the nearest part of the way to it."""
        return self._origins.of(self._written(path))

    def spoken(self, path: Path) -> str:
        """A path for people: `steps[accounts].fields[1].direction`."""
        return self._origins.spoken(self._written(path))

    def _written(self, path: Path) -> Path:
        """A path as it is written: the steps that campaigns become are nowhere but in their own section."""
        match path:
            case ("steps", int(index), *_) if (
                self.campaigns is not None and path[:2] not in self._origins.places
            ):
                made = index < len(self.steps) and self.steps[index].salesforce.object in CAMPAIGN_OBJECTS
                return ("campaigns",) if made else path
        return path

    def named(self, name: str) -> tuple[StepSettings, ...]:
        """The step that is written under a name; of one with several destinations, a step for each of them. Empty if there is none."""
        return tuple(
            step
            for step in self.steps
            if step.name == name
            or (step.destinations and step.name == member_name(name, step.salesforce.object))
        )

    def located(self, origins: Origins) -> "Settings":
        """These settings, knowing where each value was written."""
        known = self.model_copy()
        known._origins = origins  # noqa: SLF001 - its own class
        return known
