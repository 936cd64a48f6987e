from gateway.domain import portal
from gateway.portal.forms import FormRefused
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    portal.SignInNeeded: Problem("gateway/sign-in-needed", 401, "Sign in first", "请先登录"),
    portal.SignInFailed: Problem(
        "gateway/sign-in-failed", 400, "The sign-in did not end well", "登录未完成"
    ),
    portal.RequestRefused: Problem(
        "gateway/request-refused", 422, "The request was refused", "请求未被接受"
    ),
    FormRefused: Problem("gateway/form-refused", 403, "The form was refused", "表单未被接受"),
}
