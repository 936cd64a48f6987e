from gateway.domain import webhooks, webhooks_deliveries
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    webhooks.WebhookRefused: Problem(
        "gateway/webhook-refused",
        422,
        "The webhook cannot be kept as asked for",
        "无法按此内容保存推送订阅",
    ),
    webhooks.TooManyWebhooks: Problem(
        "gateway/too-many-webhooks",
        409,
        "The organisation has as many webhooks as it may",
        "该机构的推送订阅已达上限",
    ),
    webhooks.WebhookNotActive: Problem(
        "gateway/webhook-not-active", 409, "The webhook is not active", "推送订阅未启用"
    ),
    webhooks_deliveries.DeliveryNotDead: Problem(
        "gateway/delivery-not-dead", 409, "The delivery is not dead", "该推送并非死信，无需重试"
    ),
}
