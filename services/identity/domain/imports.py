"""An import (批量导入): a roster that is read, compared with what is there, and applied in steps.

    RECEIVED --read--> COMPARING --report--> COMPARED --apply--> APPLYING --finish--> APPLIED
        |                                        |
        |--apply--> APPLYING                     |--expire--> EXPIRED
        |--refuse--> FAILED

A dry run stops at COMPARED, with a report of what would change. Each step is one transaction, so an
import goes on where it was killed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from services.identity.domain.identifiers import IdentifierKey, IdentifierKind
from services.identity.domain.organisations import INSTITUTIONS, Kind
from services.identity.domain.people import CODE_PREFIX as _PERSON
from services.identity.domain.rosters import (
    Column,
    Defect,
    Line,
    RosterGuardian,
    RosterRole,
)
from shared.errors import DomainError
