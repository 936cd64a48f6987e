"""Roster files: CSV and XLSX, read from bytes that may be anything, and written.

Reading is lazy and bounded: of a file no more is unpacked, and of a line no more is looked at, than
the limits below. What is no roster raises `UnreadableRoster`; nothing else is raised. Formulas are
never computed: of a formula the value that the spreadsheet last showed is read.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils.exceptions import InvalidFileException

from services.identity.adapters.oneroster import read_oneroster
from services.identity.domain.imports import (
    MAX_LINES,
    Format,
    RosterLine,
    UnreadableRoster,
)
from services.identity.domain.rosters import HEADINGS, Column, column_of

MAX_COLUMNS = 64
MAX_CELL_CHARACTERS = 512
MAX_UNPACKED_BYTES = 256 << 20
MAX_ENTRIES = 1000
_HEADING_LINES = 10
"""A title or remarks may stand above the headings."""
