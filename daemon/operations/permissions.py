"""Who the daemon is in the org, and whether a program may come in as that user: judged from what the org says, by pure rules."""

from collections.abc import Mapping
from typing import Final

from daemon.domain.failure import RefusedError
from daemon.operations.finding import Finding, Level
from daemon.ports.rights import Caller, Permission

_ADMINISTRATOR: Final = "System Administrator"
_STANDARD: Final = ("Standard", "CsnOnly")
_GRANT: Final = "Setup > Permission Sets > (the integration user's) > System Permissions"


def user_finding(caller: Caller) -> Finding:
    """Whether a user of its own writes: only then does the history of a record in Salesforce tell the sync from people."""
    about = "salesforce.user"
    profile = f", profile {caller.profile}" if caller.profile else ""
    who = f"{caller.username or 'the user'}{profile}"
    advice = (
        "give the daemon an integration user of its own, so that its writes are recognisable in Salesforce's audit history: "
        "deploy/salesforce/README.md, step 1"
    )
    if caller.profile == _ADMINISTRATOR:
        return Finding(
            Level.WARNING, f"{who}: an administrator's account, most likely a person's", advice, about=about
        )
    if caller.user_type and caller.user_type not in _STANDARD:
        return Finding(Level.WARNING, f"{who}: a user of the type {caller.user_type}", advice, about=about)
    if caller.permissions.get(Permission.API_ONLY) is False:
        return Finding(
            Level.WARNING,
            f"{who}: may log in to the user interface, so a person may be writing under its name",
            f"{advice}; or grant it {Permission.API_ONLY} ({_GRANT})",
            about=about,
        )
    return Finding(Level.OK, f"{who}: an integration user", about=about)


def permission_finding(caller: Caller) -> Finding:
    """Whether the permissions that let a program in are granted, each missing one by its name in Setup.

    A user who could be asked has been let in. So what is missing is a warning where an administrator may shut it out at any
    time, and a word where the app needs it only while it is not installed.
    """
    about = "salesforce.permissions"
    has = caller.permissions
    if has.get(Permission.API_ENABLED) is False:
        what = f"{caller.username} lacks the permission {Permission.API_ENABLED}"
        return Finding(Level.PROBLEM, what, f"{_GRANT} > {Permission.API_ENABLED}", about=about)
    if Permission.USE_ANY_API_CLIENT in has:
        if has[Permission.USE_ANY_API_CLIENT]:
            return Finding(
                Level.OK, f"API Access Control: {Permission.USE_ANY_API_CLIENT} is granted", about=about
            )
        what = (
            f"the org has API Access Control, and {caller.username} lacks {Permission.USE_ANY_API_CLIENT}: "
            "only an app on the list of admitted ones gets in"
        )
        fix = f"have an administrator admit the app (Setup > Connected Apps OAuth Usage), or grant {Permission.USE_ANY_API_CLIENT} ({_GRANT})"
        return Finding(Level.WARNING, what, fix, about=about)
    return Finding(Level.OK, _without_access_control(has), about=about)


def _without_access_control(has: Mapping[Permission, bool]) -> str:
    enabled = f"{Permission.API_ENABLED} is granted" if has.get(Permission.API_ENABLED) else "the API answers"
    match has.get(Permission.APPROVE_UNINSTALLED):
        case None:
            return enabled
        case True:
            return f"{enabled}, and so is {Permission.APPROVE_UNINSTALLED}"
        case False:
            return (
                f"{enabled}; {Permission.APPROVE_UNINSTALLED} is missing, and needed only to log in anew "
                "through an app that is not installed in the org"
            )


def check_environment(expected: bool | None, organisation: Mapping[str, str]) -> None:
    """Whether the org is of the kind that the configuration says. `expected` is whether it is to be a sandbox; None if that does not matter.

    Raises RefusedError: a sandbox and production have users, apps and tokens of their own, and neither is to be written by mistake.
    """
    told = organisation.get("is_sandbox", "").lower()
    if expected is None or told not in {"true", "false"} or (told == "true") is expected:
        return
    who = f"{organisation.get('name', '?')} ({organisation.get('id', '?')})"
    if expected:
        raise RefusedError(
            f"{who} is no sandbox, and salesforce.environment says that it is one",
            "a sandbox has users of its own: credentials or a token of production lead to production, whatever the configuration says",
            "connect with the sandbox's domain, user (its name mostly ends with the sandbox's name) and app; "
            "or correct salesforce.environment before anything is written",
        )
    raise RefusedError(
        f"{who} is a sandbox, and salesforce.environment says production",
        "a sandbox has users, apps and tokens of its own, and its records are not those of production",
        "connect with production's domain, user and app; or write salesforce.environment: sandbox before anything is written",
    )
