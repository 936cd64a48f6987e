"""How this service's domain errors are told over HTTP, a table per part."""

from services.catalog.problems import (
    collections,
    intake,
    knowledge,
    resources,
    textbooks,
    uploads,
    vocabularies,
)
from shared.problems import ProblemTable

PROBLEMS: ProblemTable = {
    **vocabularies.PROBLEMS,
    **textbooks.PROBLEMS,
    **knowledge.PROBLEMS,
    **uploads.PROBLEMS,
    **resources.PROBLEMS,
    **collections.PROBLEMS,
    **intake.PROBLEMS,
}
