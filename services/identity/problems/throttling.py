"""What every part that counts wrong guesses tells."""

from services.identity.domain import throttle
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    throttle.TooManyAttempts: Problem(
        "identity/too-many-attempts", 429, "Too many attempts", "尝试次数过多"
    ),
}
