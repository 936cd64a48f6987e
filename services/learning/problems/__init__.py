"""How this service's domain errors are told over HTTP: a file per part."""

from services.learning.problems.activity import PROBLEMS

__all__ = ["PROBLEMS"]
