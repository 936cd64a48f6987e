"""How this service's domain errors are told over HTTP, a table per part."""

from services.catalog.problems import (
    collections,
    intake,
    knowledge,
    publication,
    reports,
    resources,
    reviews,
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
    **reviews.PROBLEMS,
    **publication.PROBLEMS,
    **reports.PROBLEMS,
    **collections.PROBLEMS,
    **intake.PROBLEMS,
}
