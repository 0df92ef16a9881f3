"""What the token endpoint refuses a login with."""

from typing import Final

from adapters.salesforce.fault_texts.phrases import APP_PAGE, CHECK_SETUP, LOGIN_RUNBOOK
from daemon.domain.failure import FailureKind, Reason
from daemon.domain.fault import Fault

_K = FailureKind
_R = Reason

LOGIN: Final[dict[str, Fault]] = {
    "invalid_grant": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the grant is refused",
        "The description tells more: `user hasn't approved this consumer` (the user is not authorised for the app), `audience is invalid` (a sandbox "
        "configured as production, or the other way round), `invalid assertion` (key and certificate are no pair, or the clock is wrong), "
        "`expired access/refresh token` (also after a sandbox was refreshed: it has to be authorised again), `authentication failure` (a sandbox has users of its own: a user, a token or an app of production is unknown there), `user is locked`, `ip restricted`.",
        "Read the description: authorise the user for the app, correct `salesforce.environment`, or renew the certificate or the refresh token.",
        page=LOGIN_RUNBOOK,
    ),
    "invalid_client_id": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "no such client id",
        "The consumer key is of another org, or the app was made less than ten minutes ago.",
        CHECK_SETUP,
        page=APP_PAGE,
    ),
    "invalid_client": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the client secret is wrong",
        "The consumer secret was changed, or belongs to another app.",
        CHECK_SETUP,
        page=APP_PAGE,
    ),
    "invalid_app_access": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the user may not use the app",
        "The app admits pre-authorised users only, and this one is not among them.",
        "Pre-authorise the user for the app in Setup: add the permission set to the app, and assign it to the user.",
        page=APP_PAGE,
    ),
    "access_denied": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the login was not approved",
        "The person chose Deny, or may not use the app.",
        "Log in again and choose Allow, as a user whom the app admits.",
        page=APP_PAGE,
    ),
    "NO_REFRESH_TOKEN": Fault(
        _K.CONFIGURATION,
        _R.PERMISSION,
        "the login was accepted, and Salesforce gave no refresh token",
        "The app does not have the scope that lets a program come back without the person.",
        "Add the scope `Perform requests at any time (refresh_token, offline_access)` to the app, then log in again.",
        page=APP_PAGE,
    ),
    "APP_NOT_INSTALLED": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the app is not installed in the org",
        "Users may log in through an app that is not installed only with a permission: with API Access Control `Use Any API Client`, without it "
        "`Approve Uninstalled Connected Apps`. The integration user lacks it.",
        "Ask an administrator to install the app (Setup > Connected Apps OAuth Usage > Install), which is better than the permission; or to grant "
        "the user Use Any API Client where API Access Control is on, Approve Uninstalled Connected Apps where it is off.",
        page=APP_PAGE,
    ),
    "inactive_user": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the user is not active",
        "The integration user was deactivated or frozen.",
        "Activate the user in Setup.",
        page=LOGIN_RUNBOOK,
    ),
    "inactive_org": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the org is locked or closed",
        "A trial or a sandbox has ended, or Salesforce locked the org.",
        "Ask Salesforce.",
    ),
    "unsupported_grant_type": Fault(
        _K.CONFIGURATION,
        _R.PERMISSION,
        "the app does not allow this flow",
        "The flow that the configuration names is not enabled in the app.",
        "Enable the flow for the app in Setup.",
        page=APP_PAGE,
    ),
    "redirect_uri_mismatch": Fault(
        _K.CONFIGURATION,
        _R.PERMISSION,
        "the redirect address differs",
        "The address that was sent is not among the app's callback addresses.",
        CHECK_SETUP,
        page=APP_PAGE,
    ),
    "rate_limit_exceeded": Fault(
        _K.LIMITED,
        _R.LIMIT,
        "too many logins",
        "A user may log in about 3,600 times an hour, all clients together.",
        "Wait; something else may log in often as this user.",
    ),
    "OAUTH_APPROVAL_ERROR_GENERIC": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the approval failed",
        "The org wants an administrator's approval of the app: it is not installed, and the user lacks Use Any API Client (where API Access Control "
        "is on) or Approve Uninstalled Connected Apps (where it is off).",
        "An administrator must install the app, or grant the user that permission.",
        page=APP_PAGE,
    ),
    "ANOTHER_ORG": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the login leads to another org than before",
        "A sandbox that was refreshed keeps its address and becomes another org, with other ids; or the app's grant was given in another org. "
        "Nothing is read or written there: the linked ids name nothing in it.",
        "Authorise the daemon anew in the org that is meant, and restart it; a refreshed sandbox needs an empty schema isthmus.",
        page=LOGIN_RUNBOOK,
    ),
    "SECRET_UNREADABLE": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "the file of a secret cannot be read",
        "The file is not there, or the daemon's user may not read it.",
        "Check the file and who may read it.",
        page="docs/configuration.md#secrets",
    ),
    "SECRET_EMPTY": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "a secret is empty",
        "The file or variable that the configuration names has no content.",
        "Put the secret where the configuration says.",
        page="docs/configuration.md#secrets",
    ),
    "PRIVATE_KEY_INVALID": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "the private key is not an unencrypted RSA key in PEM form",
        "The certificate was given instead of the key, or the key has a passphrase.",
        "Give the key whose certificate the app has, as PEM text without a passphrase.",
        page="deploy/salesforce/README.md#3-a-certificate",
    ),
    "FOREIGN_INSTANCE": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "the token endpoint names an address that is not this org's",
        "The login host answered for another org, or something in between changed the answer.",
        "Check the configured domain; no token has been sent there.",
        page="docs/configuration.md#the-two-sides",
    ),
}
