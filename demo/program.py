"""The steps in their order, and what is printed of them."""

import json
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from demo import (
    checker,
    evidence,
    homework,
    integration,
    lesson,
    publication,
    review,
    roster,
    study,
    takedown,
)
from demo.receiver import Receiver, receiving
from demo.stage import Stage
from demo.steps import Facts, Step, timed

Act = Callable[[Stage], Facts]


def struck(kind: str, act: Act) -> Act:
    """`act`, in the middle of which something is killed."""

    def doomed(stage: Stage) -> Facts:
        stage.doom(kind)
        facts = act(stage)
        return {**facts, "killed": stage.spare()}

    return doomed


STEPS: tuple[tuple[str, Act], ...] = (
    ("1 import a roster 导入花名册", roster.roster),
    ("1 a guardian consents 监护人同意", roster.consent),
    ("1 people sign in 登录", roster.sign_in),
    ("7 a webhook is asked for 订阅推送", publication.subscription),
    ("2 upload a lesson through a break 断点续传", struck("upload", lesson.upload)),
    ("2 inspection 文件检查", lesson.inspection),
    ("2 the check finds defects, they are mended 提交前检查", lesson.draft),
    ("3 the province says who judges 审核策略", review.policy),
    ("3 changes are requested 退回修改", review.changes_requested),
    ("3 the author resubmits 重新提交", review.resubmitted),
    ("3 school, county, city, province approve 四级审核", struck("review", review.approved)),
    ("4 search finds it 搜索", publication.found),
    ("4 feed and webhook tell it once 变更流与推送", publication.told_once),
    ("5 logged, witnessed, time-stamped 存证", evidence.logged),
    ("5 the evidence is verified offline 离线核验", evidence.verified),
    ("6 a course pins it 课程", study.course),
    ("6 an application tells what the pupil did 学习记录", struck("study", study.activity)),
    ("6 the pupil has completed it 学完", study.completion),
    ("6 homework is handed in 交作业", homework.handed_in),
    ("6 it is marked and given back 批改", homework.marked),
    ("6 progress, archive, board 进度与成长档案", homework.shown),
    ("7 the merged contract 接口文档", integration.contract),
    ("7 an API key 接口密钥", integration.key),
    ("7 the rate limit 限流", integration.limit),
    ("7 the usage 用量", integration.usage),
    ("8 everything is there once 核对", checker.accounted_for),
    ("9 a notice takes it down 下架", takedown.takedown),
)


def demo(*, keep: bool, as_json: bool, seed: int | None) -> int:
    """Runs every step until one fails; returns 0 when all did what they should."""
    chosen = secrets.randbelow(1 << 31) if seed is None else seed
    print(f"书院 Shuyuan demo, seed {chosen}", file=sys.stderr)
    data = Path(tempfile.mkdtemp(prefix="shuyuan-demo-"))
    data.chmod(0o711)
    with receiving() as receiver:
        steps = list(_steps(data, chosen, receiver, keep=keep))
    ok = all(step.ok for step in steps)
    if as_json:
        told = {"ok": ok, "seed": chosen, "steps": [asdict(step) for step in steps]}
        print(json.dumps(told, ensure_ascii=False))
    else:
        print("演示成功: every step passed." if ok else "演示失败: a step failed.")
    if keep:
        print(f"It still runs. Stop it with ./shuyuan down --data {data}", file=sys.stderr)
        print(f"Accounts: {data / 'demo-accounts.json'}", file=sys.stderr)
    elif ok:
        shutil.rmtree(data)
    else:
        print(f"Its logs are kept in {data / 'logs'}", file=sys.stderr)
    return 0 if ok else 1


def _steps(data: Path, seed: int, receiver: Receiver, *, keep: bool) -> Iterator[Step]:
    """A failure ends it, as later steps build on earlier ones."""
    stage = Stage(data, seed, receiver)
    try:
        step = timed("0 start the stack 启动", stage.up)
        yield step
        for name, act in STEPS:
            if not step.ok:
                break
            step = timed(name, partial(act, stage))
            yield step
    finally:
        if not keep:
            yield timed("0 stop the stack 停止", stage.down)
