"""Which neighbours are heard, and what each of their events causes here."""

from collections.abc import Mapping

from services.copyright.adapters.database import CopyrightUnitOfWork
from shared.service import Handlers

HEARS: Mapping[str, Handlers[CopyrightUnitOfWork]] = {
    "identity": {},
    "catalog": {},
    "learning": {},
}
