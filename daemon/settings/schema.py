"""The JSON Schema of the configuration: what an editor shows and checks while a file is written."""

from typing import Any, Final

from daemon.settings.models import Settings

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema of a configuration file, draft 2020-12."""
    schema = Settings.model_json_schema()
    return {"$schema": DIALECT, **schema, "title": "isthmus configuration"}
