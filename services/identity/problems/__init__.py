"""How this service's domain errors are told over HTTP, a table per part."""

from shared.problems import ProblemTable

PROBLEMS: ProblemTable = {}
