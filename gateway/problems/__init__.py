"""How this service's domain errors are told over HTTP: a file per part."""

from shared.problems import ProblemTable

PROBLEMS: ProblemTable = {}
