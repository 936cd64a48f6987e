"""Errors of the xAPI record store."""

from services.learning.domain.applications import (
    ScopeMissing,
    UnknownApplication,
    UsernameTaken,
)
from services.learning.domain.xapi.documents import (
    DocumentConflict,
    DocumentNotFound,
    MalformedDocument,
    PreconditionFailed,
    PreconditionMissing,
)
from services.learning.domain.xapi.queries import BadQuery
from services.learning.domain.xapi.records import (
    MalformedStatement,
    Overloaded,
    StatementConflict,
    StatementNotFound,
)
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    MalformedStatement: Problem(
        "learning/malformed-statement", 400, "The statement has defects", "学习记录有误"
    ),
    StatementConflict: Problem(
        "learning/statement-conflict",
        409,
        "Another statement with this id is stored already",
        "该编号已用于另一条学习记录",
    ),
    StatementNotFound: Problem(
        "learning/statement-not-found", 404, "There is no such statement", "未找到该学习记录"
    ),
    BadQuery: Problem("learning/bad-query", 400, "The request has defects", "请求参数有误"),
    Overloaded: Problem(
        "learning/overloaded", 429, "Too many statements are waiting", "等待写入的记录过多"
    ),
    DocumentNotFound: Problem(
        "learning/document-not-found", 404, "There is no such document", "未找到该文档"
    ),
    DocumentConflict: Problem(
        "learning/document-conflict",
        409,
        "The document exists already: send its ETag as If-Match",
        "文档已存在，请以 If-Match 附上其 ETag",
    ),
    PreconditionMissing: Problem(
        "learning/precondition-missing",
        400,
        "Send If-Match or If-None-Match",
        "请附上 If-Match 或 If-None-Match",
    ),
    PreconditionFailed: Problem(
        "learning/document-changed",
        412,
        "The document changed since you read it: read it again",
        "文档已更新，请重新读取",
    ),
    MalformedDocument: Problem(
        "learning/malformed-document",
        400,
        "Only JSON objects can be merged",
        "只有 JSON 对象可以合并",
    ),
    UnknownApplication: Problem(
        "learning/unknown-application",
        401,
        "Send the credentials of an application",
        "请提供应用凭据",
    ),
    ScopeMissing: Problem(
        "learning/scope-missing", 403, "The application may not do this", "该应用没有此操作的权限"
    ),
    UsernameTaken: Problem(
        "learning/username-taken", 409, "An application has this name", "该应用名已被使用"
    ),
}
