"""Which neighbours are heard, and what each of their events causes here."""

from collections.abc import Mapping

from services.identity.adapters.database import IdentityUnitOfWork
from shared.service import Handlers

HEARS: Mapping[str, Handlers[IdentityUnitOfWork]] = {
    "catalog": {},
    "learning": {},
    "copyright": {},
}
