"""How this service's domain errors are told over HTTP: a file per part."""

from gateway.problems.checkpoint import PROBLEMS as CHECKPOINT
from shared.problems import ProblemTable

PROBLEMS: ProblemTable = {**CHECKPOINT}
