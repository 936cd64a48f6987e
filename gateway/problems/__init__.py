"""How this service's domain errors are told over HTTP: a file per part."""

from gateway.problems.checkpoint import PROBLEMS as CHECKPOINT
from gateway.problems.portal import PROBLEMS as PORTAL
from gateway.problems.usage import PROBLEMS as USAGE
from gateway.problems.webhooks import PROBLEMS as WEBHOOKS
from shared.problems import ProblemTable

PROBLEMS: ProblemTable = {**CHECKPOINT, **PORTAL, **USAGE, **WEBHOOKS}
