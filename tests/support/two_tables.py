"""A second step of Account, over another table: the first one takes what is new in Salesforce."""

from daemon.domain.mapping import Step
from daemon.domain.side import Direction
from tests.support.road_steps import BY_EXT_ID, PERSON, field

VIPS = Step(
    name="vips",
    object="Account",
    table=PERSON,
    direction=Direction.TWO_WAY,
    fields=(field("Name", "last_name", length=255), field("Phone", "phone", length=40)),
    identify=(BY_EXT_ID,),
)
