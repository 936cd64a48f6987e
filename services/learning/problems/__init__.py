"""How this service's domain errors are told over HTTP: a file per part."""

from services.learning.problems import (
    activity,
    allowed_applications,
    archive,
    assignments,
    boards,
    courses,
    spaces,
)
from shared.problems import ProblemTable

PROBLEMS: ProblemTable = {
    **activity.PROBLEMS,
    **spaces.PROBLEMS,
    **allowed_applications.PROBLEMS,
    **courses.PROBLEMS,
    **assignments.PROBLEMS,
    **boards.PROBLEMS,
    **archive.PROBLEMS,
}
