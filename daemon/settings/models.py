"""The whole configuration as one value."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from daemon.settings.connections import DatabaseSettings, SalesforceSettings
from daemon.settings.errors import Origin
from daemon.settings.merge import Origins, Path
from daemon.settings.scalars import Section, Text, refuse
from daemon.settings.service import HttpSettings, LogSettings, RetentionSettings
from daemon.settings.steps import DefaultSettings, StepSettings


def _profile(raw: Any) -> Any:
    if raw == "default":
        raise refuse(
            "the built-in profile is not in this version", "write `profile: custom` and list the steps"
        )
    return raw


class Settings(Section):
    """The configuration of one daemon: one org, one database, the steps between them."""

    version: Literal[1]
    """Version of this format."""
    name: Text = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    """Name of this pair of org and database; shown in logs and metrics, and sent along with every write."""
    profile: Annotated[Literal["custom"], BeforeValidator(_profile)] = "custom"
    """custom: the steps are exactly those listed here."""
    salesforce: SalesforceSettings
    """The Salesforce org."""
    database: DatabaseSettings
    """The PostgreSQL database."""
    defaults: DefaultSettings = DefaultSettings()
    """What every step inherits."""
    steps: tuple[StepSettings, ...] = Field(min_length=1)
    """The relations between tables and objects."""
    http: HttpSettings = HttpSettings()
    """What the daemon listens on."""
    log: LogSettings = LogSettings()
    """What is logged, and how."""
    retention: RetentionSettings = RetentionSettings()
    """How long history is kept."""

    _origins: Origins = PrivateAttr(default_factory=lambda: Origins({}, {}))

    def origin(self, path: Path) -> Origin:
        """Where the value at a path was written, or the nearest part of the way to it."""
        return self._origins.of(path)

    def spoken(self, path: Path) -> str:
        """A path for people: `steps[accounts].fields[1].direction`."""
        return self._origins.spoken(path)

    def located(self, origins: Origins) -> "Settings":
        """These settings, knowing where each value was written."""
        known = self.model_copy()
        known._origins = origins  # noqa: SLF001 - its own class
        return known
