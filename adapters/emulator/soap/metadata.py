"""The Metadata API, as far as it is needed: `readMetadata` of `LeadConvertSettings`, which is an org's lead field mapping.

Standard fields are handed on by rules that nobody can change, so the settings name custom fields alone.
"""

from __future__ import annotations

from adapters.emulator.http import Reply
from adapters.emulator.oauth.sessions import Session, Sessions
from adapters.emulator.org import Org
from adapters.emulator.rest.api import RestApi
from adapters.emulator.rest.schemas import supported
from adapters.emulator.soap.envelope import METADATA, Message, SoapRefused, answer, element, fault, read
from adapters.emulator.store.permissions import SystemPermission

_TYPE = "LeadConvertSettings"
_SINCE = 39.0
_MOST_NAMES = 10
_NOTHING = '<records xsi:nil="true"/>'


class Metadata:
    """Answers what is posted to `/services/Soap/m/<version>`. Each call counts against the daily allowance."""

    def __init__(self, org: Org, rest: RestApi, sessions: Sessions) -> None:
        self._org = org
        self._rest = rest
        self._sessions = sessions

    def handle(self, version: str, body: bytes) -> Reply:
        """Answer one call. Refusals come back as faults."""
        try:
            message = read(body)
            self._admit(self._session(message))
            return self._dispatch(version, message)
        except SoapRefused as refusal:
            return fault(refusal)

    def _session(self, message: Message) -> Session:
        session = self._sessions.find(message.session)
        if session is None:
            raise SoapRefused.of(
                "INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session"
            )
        return session

    def _admit(self, session: Session) -> None:
        self._rest.used_calls += 1
        granted = self._org.records.permissions.system_granted
        if self._org.switches.high_assurance_profiles:
            raise SoapRefused.of("INVALID_SESSION_ID", "This session is not valid for use with the API")
        if not granted(session.user_id, SystemPermission.API_ENABLED):
            raise SoapRefused.of(
                "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner"
            )
        if self._rest.used_calls > self._org.switches.daily_api_limit:
            raise SoapRefused.of("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        if not granted(session.user_id, SystemPermission.MODIFY_METADATA):
            raise SoapRefused.of(
                "INSUFFICIENT_ACCESS",
                "use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions",
            )

    def _dispatch(self, version: str, message: Message) -> Reply:
        if not supported(version):
            raise SoapRefused("sf:UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")
        if message.operation != "readMetadata" or message.namespace != METADATA:
            called = f"{{{message.namespace}}}{message.operation}"
            raise SoapRefused("soapenv:Client", f"No operation available for request {called}")
        kinds, names = message.parameters.get("type", []), message.parameters.get("fullNames", [])
        if kinds != [_TYPE] or float(version) < _SINCE:
            raise SoapRefused.of("INVALID_TYPE", f"Unknown type:{', '.join(kinds)}")
        if len(names) > _MOST_NAMES:
            raise SoapRefused.of(
                "EXCEEDED_ID_LIMIT",
                f"record limit reached. cannot submit more than {_MOST_NAMES} records into this operation",
            )
        records = "".join(self._settings() if name == _TYPE else _NOTHING for name in names)
        return answer("readMetadata", f"<result>{records}</result>")

    def _settings(self) -> str:
        mappings = "".join(
            _mapping(target, fields) for target, fields in self._org.lead_mapping.items() if fields
        )
        head = element("fullName", _TYPE) + element("allowOwnerChange", "true")
        tail = element("opportunityCreationOptions", "VisibleOptional")
        return f'<records xsi:type="{_TYPE}">{head}{mappings}{tail}</records>'


def _mapping(target: str, fields: dict[str, str]) -> str:
    pairs = "".join(
        f"<mappingFields>{element('inputField', source)}{element('outputField', to)}</mappingFields>"
        for source, to in fields.items()
    )
    return f"<objectMapping>{element('inputObject', 'Lead')}{pairs}{element('outputObject', target)}</objectMapping>"
