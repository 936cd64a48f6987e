"""How this service's domain errors are told over HTTP, a table per part."""

from services.identity.problems import authentication, imports, organisations, people, provider
from shared.problems import ProblemTable

PROBLEMS: ProblemTable = {
    **organisations.PROBLEMS,
    **people.PROBLEMS,
    **provider.PROBLEMS,
    **authentication.PROBLEMS,
    **imports.PROBLEMS,
}
