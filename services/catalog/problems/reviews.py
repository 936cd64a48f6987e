from services.catalog.domain import lifecycle, policies, reviews, term_lists, versions
from services.catalog.problems import resources
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    **{
        each: resources.PROBLEMS[each]
        for each in (lifecycle.ActionRefused, versions.DefectsRemain, versions.NothingChanged)
    },
    reviews.CommitmentMissing: Problem(
        "catalog/commitment-missing", 422, "The commitment is not given", "未作出书面承诺"
    ),
    reviews.VerdictRefused: Problem(
        "catalog/verdict-refused", 422, "The verdict is incomplete", "审核意见不完整"
    ),
    reviews.PlacesRefused: Problem(
        "catalog/places-refused", 422, "Places or attachments that are not there", "位置或附件有误"
    ),
    reviews.AssigneeRefused: Problem(
        "catalog/assignee-refused", 409, "That person must not judge it", "该人员不得审核此件"
    ),
    reviews.ContentMoved: Problem(
        "catalog/content-moved", 412, "Another content is judged now", "审核内容已变化"
    ),
    policies.PolicyRefused: Problem(
        "catalog/policy-refused", 422, "The policy or group has defects", "审核策略或专家组有误"
    ),
    term_lists.TermListRefused: Problem(
        "catalog/term-list-refused", 422, "The term list has defects", "词表有误"
    ),
}
