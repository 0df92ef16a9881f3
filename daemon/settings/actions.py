"""What a step does for each record that it has synchronised, as the configuration writes it."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag

from daemon.domain.side import Direction
from daemon.settings.merge import Path
from daemon.settings.rule import Complaint
from daemon.settings.scalars import ColumnName, Identifier, Section, TableName, Text, refuse
from daemon.settings.secrets import Secret

ACTIONS_MOST: Final = 20


def _function(name: str) -> str:
    parts = name.split(".")
    if len(parts) > 2 or not all(parts) or "(" in name or '"' in name or "\x00" in name:
        raise refuse("is no function's name", "write SCHEMA.FUNCTION, as the catalogue spells it")
    return name


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("https", "http") or parts.username is not None or parts.fragment:
        raise refuse("is no address to post to", "write https://HOST/PATH, without a user or a fragment")
    if parts.scheme == "http" and host not in ("localhost", "127.0.0.1", "::1"):
        raise refuse("would send records' ids in the clear", "write https://, or a host of this machine")
    return text


class FunctionAction(Section):
    """Call a function of the database, in the transaction that settles the record."""

    tag: ClassVar[str] = "function"

    function: Annotated[Text, AfterValidator(_function)]
    """The function, as SCHEMA.FUNCTION. It takes one jsonb: step, action, event, direction, at, object, sf_id, table, key and url."""


class InsertSettings(Section):
    """A row for another table."""

    table: TableName
    """The table, as SCHEMA.TABLE."""
    columns: dict[ColumnName, Text] = Field(min_length=1)
    """Column: its value, a text or one of $key, $key.COLUMN, $sf_id, $url, $event, $direction, $at, $object, $step. Write $$ for a leading $."""


class InsertAction(Section):
    """Insert a row into another table, in the transaction that settles the record."""

    tag: ClassVar[str] = "insert"

    insert: InsertSettings
    """The table and its columns."""


class WebhookSettings(Section):
    """Where a webhook goes."""

    url: Annotated[Text, AfterValidator(_url)]
    """The address. It has to answer with 2xx within ten seconds; anything else is tried again."""
    secret: Secret | None = None
    """Signs each delivery (HMAC-SHA256 in the header Isthmus-Signature)."""


class WebhookAction(Section):
    """Post to an address, after the record is settled; at least once."""

    tag: ClassVar[str] = "webhook"

    webhook: WebhookSettings
    """The address and the secret."""


def _kind(raw: Any) -> str | None:
    if isinstance(raw, FunctionAction | InsertAction | WebhookAction):
        return raw.tag
    if isinstance(raw, dict):
        named = [tag for tag in ("function", "insert", "webhook") if tag in raw]
        return named[0] if len(named) == 1 else None
    return None


TargetSettings = Annotated[
    Annotated[FunctionAction, Tag("function")]
    | Annotated[InsertAction, Tag("insert")]
    | Annotated[WebhookAction, Tag("webhook")],
    Discriminator(
        _kind, custom_error_type="action", custom_error_message="is not one action with its target"
    ),
]


class ActionSettings(Section):
    """One action of a step."""

    name: Identifier
    """The action's name, in commands, metrics and deliveries."""
    do: TargetSettings
    """What is done: { function: … }, { insert: { table, columns } } or { webhook: { url, secret } }."""
    direction: Direction | None = None
    """For records that came in (pull), went out (push) or both (two_way). By default pull, or push where the step only pushes."""
    exclude_updated: bool = False
    """Whether a record that was merely updated leaves the action undone; one that was created does it in any case."""


def direction_of(action: ActionSettings, step: Direction) -> Direction:
    """An action's direction: its own, or the way in, where the step has one."""
    if action.direction is not None:
        return action.direction
    return Direction.PULL if step.pulls else Direction.PUSH


def action_complaints(actions: tuple[ActionSettings, ...], step: Direction, at: Path) -> Iterator[Complaint]:
    """Every rule between a step's actions that does not hold."""
    first: dict[str, int] = {}
    for index, action in enumerate(actions):
        path: Path = (*at, "actions", index)
        if first.setdefault(action.name, index) != index:
            what = f"the action {action.name} is there twice (first as actions[{first[action.name]}])"
            yield Complaint((*path, "name"), what, "rename one of them")
        if action.direction is not None and action.direction.narrowed(step) is not action.direction:
            what = f"{action.direction} widens the step's direction {step}"
            yield Complaint((*path, "direction"), what, f"write {step}, or change the step's direction")
