"""The tree of organisations in PostgreSQL.

Whoever changes its shape (creates, moves, closes) first takes the tree's lock, so shapes change one
at a time and what was read under the lock holds until the commit. Then rows are locked, several
always in the order of their ids. Renaming locks its row alone.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.pinyin import sort_key
from services.identity.application.organisations import Listing, Query, Remembered
from services.identity.domain.organisations import (
    CodeTaken,
    Kind,
    OfficialCodes,
    Organisation,
    State,
    code_of,
)
from shared.context import current
