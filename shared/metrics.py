"""Prometheus metrics of every service, served at ``/metrics``; labels never hold ids."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Histogram(
    "shuyuan_request_seconds",
    "Time to answer, by route template",
    ["method", "route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
OUTBOX_PUBLISHED = Counter("shuyuan_outbox_published", "Events published", ["service"])
INBOX_APPLIED = Counter("shuyuan_inbox_applied", "Events read and applied", ["inbox"])
INBOX_PARKED = Counter("shuyuan_inbox_parked", "Events that could not be applied", ["inbox"])
TASK_RESTARTS = Counter("shuyuan_task_restarts", "Background tasks started again", ["task"])
DEPENDENCY_UP = Gauge("shuyuan_dependency_up", "1 while the dependency answers", ["dependency"])
