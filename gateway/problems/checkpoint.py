from gateway.application.checkpoint import KeyAndToken, QuotaExceeded
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    QuotaExceeded: Problem(
        "gateway/quota-exceeded",
        429,
        "The application's quota is used up for now",
        "该应用的配额已用完",
    ),
    KeyAndToken: Problem(
        "gateway/key-and-token",
        400,
        "An API key and a token came together",
        "请勿同时附上接口密钥和令牌",
    ),
}
