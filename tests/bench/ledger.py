"""Submissions to the copyright log beside single-row commits; how soon they are in the signed log;
and proofs out of tiles."""

import asyncio
import json
import secrets
import statistics
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg

from services.copyright.adapters.log import LogRepository
from services.copyright.adapters.objects import public_files
from services.copyright.adapters.signing import SignerClient
from services.copyright.application.log_publishing import Publisher
from services.copyright.application.log_sequencing import Sequencer
from services.copyright.application.log_worker import LogWorker
from services.copyright.domain.entries import dedup
from services.copyright.domain.proofs import plan_inclusion
from services.copyright.domain.tree import Edge, grow, trimmed
from services.copyright.settings import Settings
from services.copyright.standalone.http import listening
from services.copyright.standalone.signing import SigningProgram
from services.copyright.verify.merkle import SHA256, sha256, verify_inclusion
from services.copyright.verify.tiles import tile_in
from shared.database import UnitOfWork, create_engine
