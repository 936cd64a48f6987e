"""The consents of guardians, as the events of identity told of them."""

from collections.abc import Sequence, Set

from services.learning.domain.directory import LEARNING_SPACE, PUPIL, STAFF
from shared.reader import Reader

# Identity takes consent to the latest text alone, so the latest that anybody consents to is in
# force: consents to the texts before it have ceased to count.
_UNCONSENTED = f"""
    SELECT DISTINCT person FROM members m
    WHERE person = ANY($1) AND kind = '{PUPIL}'
        AND NOT EXISTS (SELECT FROM members s WHERE s.person = m.person AND s.kind = '{STAFF}')
        AND NOT EXISTS (SELECT FROM consents WHERE child = m.person AND purpose = $2
            AND purpose_version = (SELECT max(purpose_version) FROM consents WHERE purpose = $2))
"""  # noqa: S608 - constants


class ConsentReader:
    """`services.learning.application.consents.Consents`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def unconsented(self, people: Sequence[str]) -> Set[str]:
        rows = await self._reader.fetch(_UNCONSENTED, people, LEARNING_SPACE)
        return {row[0] for row in rows}
