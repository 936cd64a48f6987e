import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from services.identity.adapters.rosters import csv_line, write_csv, write_xlsx
from services.identity.application.exports import Exports
from services.identity.application.imports import IMPORT, Imports, Progress
from services.identity.domain.imports import (
    ImportActionRefused,
    NoRosterThere,
    Outcome,
    RosterNotUploaded,
    RosterTooLarge,
)
from services.identity.problems.imports import PROBLEMS
from services.identity.schemas.imports import (
    ImportLineView,
    ImportView,
    Reference,
    StartImport,
    UploadView,
)
