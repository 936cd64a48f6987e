"""How this service's domain errors are told over HTTP."""

from shared.problems import ProblemTable

PROBLEMS: ProblemTable = {}
