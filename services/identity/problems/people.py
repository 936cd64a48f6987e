from services.identity.domain import grants, guardians, identifiers, names, people
from services.identity.problems import throttling
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    **throttling.PROBLEMS,
    people.PersonDisabled: Problem(
        "identity/person-disabled", 403, "The account is not active", "账号未启用"
    ),
    people.PersonActionRefused: Problem(
        "identity/person-action-refused",
        409,
        "The account's state does not allow this",
        "账号当前状态不允许此操作",
    ),
    people.OwnAccount: Problem(
        "identity/own-account",
        403,
        "Nobody manages their own account",
        "不能管理自己的账号",
    ),
    people.AccountBeyondReach: Problem(
        "identity/account-beyond-reach",
        403,
        "The account opens or holds more than your roles cover",
        "该账号的机构或岗位超出您的管理权限",
    ),
    people.MembershipOverlaps: Problem(
        "identity/membership-overlaps",
        409,
        "The person belongs there at that time already",
        "该人员在此期间已属于该机构",
    ),
    people.MembershipDatesRefused: Problem(
        "identity/membership-dates-refused",
        422,
        "The days do not make a membership",
        "所属起止日期有误",
    ),
    people.OrganisationNotJoinable: Problem(
        "identity/organisation-not-joinable",
        422,
        "There is no such open organisation",
        "机构不存在或已关闭",
    ),
    names.InvalidName: Problem(
        "identity/invalid-name",
        422,
        "The name cannot be shown as it is",
        "名称格式有误",
    ),
    identifiers.InvalidIdentifier: Problem(
        "identity/invalid-identifier",
        422,
        "The identifier is malformed",
        "标识格式有误",
    ),
    identifiers.IdentifierTaken: Problem(
        "identity/identifier-taken",
        409,
        "Another account has that identifier",
        "该标识已被其他账号使用",
    ),
    grants.OwnGrant: Problem(
        "identity/own-grant",
        403,
        "Nobody gives a role to themselves",
        "不能为自己授予角色",
    ),
    grants.GrantBeyondReach: Problem(
        "identity/grant-beyond-reach",
        403,
        "You may not give or revoke that role there",
        "您无权在该机构授予或撤销此角色",
    ),
    grants.RolesSeparated: Problem(
        "identity/roles-separated",
        409,
        "System, security and audit administration stay apart",
        "系统、安全、审计管理员不得由同一人兼任",
    ),
    grants.RoleAlreadyHeld: Problem(
        "identity/role-already-held",
        409,
        "The person holds that role there at that time",
        "该人员在此期间已拥有此角色",
    ),
    grants.GrantDatesRefused: Problem(
        "identity/grant-dates-refused",
        422,
        "A grant ends after it begins, and in the future",
        "授权起止时间有误",
    ),
    grants.GrantTermsRefused: Problem(
        "identity/grant-terms-refused",
        422,
        "There is no such role there",
        "该处不设此角色",
    ),
    grants.HolderUnfit: Problem(
        "identity/holder-unfit",
        409,
        "Children are students, and hold nothing else",
        "未成年人只能是学生",
    ),
    guardians.GuardianshipActionRefused: Problem(
        "identity/guardianship-action-refused",
        409,
        "The link's state does not allow this",
        "监护关系当前状态不允许此操作",
    ),
    guardians.GuardianshipExists: Problem(
        "identity/guardianship-exists",
        409,
        "Guardian and child are linked already",
        "监护关系已存在",
    ),
    guardians.OwnClaim: Problem(
        "identity/own-guardianship",
        403,
        "Nobody decides on their own guardianship",
        "不能审核自己的监护关系",
    ),
    guardians.GuardianUnfit: Problem(
        "identity/guardian-unfit",
        409,
        "Guardians are adults, their wards are minors, and they do not go to school together",
        "监护人须为成年人且不是同学，被监护人须为未成年人",
    ),
    guardians.ChildNotMatched: Problem(
        "identity/child-not-matched",
        422,
        "No child has that code and that number",
        "未找到与该编码和证件号匹配的学生",
    ),
    guardians.NotGuardian: Problem(
        "identity/not-guardian",
        403,
        "Consent takes a verified guardian without restriction",
        "仅已核实且未受限的监护人可以同意",
    ),
    guardians.PurposeUnknown: Problem(
        "identity/purpose-unknown",
        422,
        "There is no such consent purpose",
        "没有该授权目的",
    ),
    guardians.PurposeOutdated: Problem(
        "identity/purpose-outdated",
        409,
        "Another version of the purpose is in force",
        "现行的授权说明是另一版本",
    ),
    guardians.PurposePlanned: Problem(
        "identity/purpose-planned",
        409,
        "A planned version of the purpose would never take effect",
        "已计划的授权说明版本将不会生效",
    ),
    guardians.ConsentGiven: Problem(
        "identity/consent-given",
        409,
        "That version is consented to already",
        "已同意该版本",
    ),
    guardians.ConsentOver: Problem(
        "identity/consent-over",
        409,
        "The consent was withdrawn before",
        "该同意已撤回",
    ),
}
