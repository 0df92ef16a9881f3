"""Both sides as accounts, for people."""

from urllib.parse import urlsplit

from daemon.compose.sides import OpenSides
from daemon.operations.connections import Accounts
from daemon.settings.models import Settings


def accounts_of(settings: Settings, sides: OpenSides) -> Accounts:
    """Both sides, without a password that an address may hold."""
    database = urlsplit(settings.database.dsn)
    where = f"{database.hostname or 'a local socket'}{database.path}"
    environment = settings.salesforce.environment
    return Accounts(settings.salesforce.host, where, environment.sandbox, sides.catalogue, sides.database)
