"""Which neighbours are heard, and what each of their events causes here."""

from collections.abc import Mapping

from services.learning.adapters.database import LearningUnitOfWork
from shared.service import Handlers

HEARS: Mapping[str, Handlers[LearningUnitOfWork]] = {
    "identity": {},
    "catalog": {},
    "copyright": {},
}
