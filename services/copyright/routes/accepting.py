"""What routes share whose request becomes an event of a registration."""

from services.copyright.domain.registrations import HeadMoved, NotAllowedNow, NotTheirs, Record
from services.copyright.problems import PROBLEMS
from services.copyright.schemas.registrations import Accepted
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.problems import declare

problems = declare(PROBLEMS)

ACTING = (
    Unauthenticated,
    Forbidden,
    NotFound,
    HeadMoved,
    NotAllowedNow,
    NotTheirs,
    Unavailable,
)


def accepted(record: Record) -> Accepted:
    return Accepted(id=record.id, code=record.code, standing=record.standing, length=record.length)


def where(record: Record) -> dict[str, str]:
    """The headers of the answer."""
    return {"location": f"/copyright/v1/registrations/{record.id}"}
