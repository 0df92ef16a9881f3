"""What several explanations say in the same words."""

from typing import Final

WAIT: Final = "Nothing to do: it is tried again by itself."
FIX_VALUE: Final = (
    "Correct the value in PostgreSQL, or the mapping of the field; the change is then tried again by itself."
)
GRANT: Final = (
    "Grant the integration user's permission set access to the object, its records and the mapped fields."
)
CHECK_MAPPING: Final = "Compare the mapping with the object's fields, and the integration user's field permissions: isthmus config check."
CHECK_SETUP: Final = "Check the external client app and the credentials in the configuration: isthmus doctor."
FIX_FILTER: Final = "Correct the step's conditions in the configuration."
DEFECT: Final = "Report it as a defect of Isthmus, with the message."

STEP_PAGE: Final = "docs/configuration.md#a-step"
FIELD_PAGE: Final = "docs/configuration.md#a-field"
RIGHTS_PAGE: Final = "deploy/salesforce/README.md#2-a-permission-set"
APP_PAGE: Final = "deploy/salesforce/README.md#4-an-app"
EXTERNAL_ID_PAGE: Final = "deploy/salesforce/README.md#6-external-ids"
EVENTS_PAGE: Final = "deploy/salesforce/README.md#5-change-events"
LOGIN_RUNBOOK: Final = "deploy/runbooks/IsthmusSalesforceAuthFailing.md"
ALLOWANCE_RUNBOOK: Final = "deploy/runbooks/IsthmusOrgApiAlmostExhausted.md"
STREAM_RUNBOOK: Final = "deploy/runbooks/IsthmusStreamDisconnected.md"
