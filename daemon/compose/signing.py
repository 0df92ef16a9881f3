"""The secrets that webhooks are signed with, as the configuration says where they are kept."""

from daemon.settings.actions import WebhookAction
from daemon.settings.models import Settings


def signing_secret(settings: Settings, step: str, action: str) -> str | None:
    """The secret of a step's action as it reads now, None where it has none. Raises SecretError."""
    for configured in settings.steps:
        if configured.name == step:
            for named in configured.actions:
                if named.name == action and isinstance(named.do, WebhookAction):
                    secret = named.do.webhook.secret
                    return None if secret is None else secret.read()
    return None
