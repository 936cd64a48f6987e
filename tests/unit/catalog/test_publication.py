"""What is told of files that are published, and of what is taken down."""

import pytest

from services.catalog.domain.feedback import Counts
from services.catalog.domain.lifecycle import Action, State
from services.catalog.domain.notices import (
    WORDINGS,
    Notice,
    RemovalReason,
    RestorationReason,
    reason_of,
    taken_down,
)
from services.catalog.domain.publication import FilesUnfit, VersionFile, published_files
from shared.clock import utc_now
from shared.ids import uuid7


def file(name: str, *, clean: bool = True) -> VersionFile:
    return VersionFile(name, b"\1" * 32, b"\2" * 32 if clean else None, 7)


def test_each_path_names_one_file_though_names_repeat() -> None:
    told = published_files([file("课件.pdf"), file("练习.pdf"), file("课件.pdf"), file("课件.pdf")])
    assert [each.path for each in told] == ["课件.pdf", "练习.pdf", "2/课件.pdf", "3/课件.pdf"]
    assert (told[0].sha256, told[0].sm3, told[0].size) == ("01" * 32, "02" * 32, 7)


def test_files_that_are_not_found_clean_are_all_named() -> None:
    with pytest.raises(FilesUnfit) as refused:
        published_files([file("一"), file("二", clean=False), file("三", clean=False)])
    assert refused.value.members["files"] == ["二", "三"]


def test_every_reason_has_its_words_in_both_languages() -> None:
    assert set(WORDINGS) == {*RemovalReason, *RestorationReason}
    assert all(each.en and each.zh for each in WORDINGS.values())


def test_a_reason_is_read_by_the_step_that_it_was_given_for() -> None:
    assert reason_of(Action.SUSPEND, "damaged") is RemovalReason.DAMAGED
    assert reason_of(Action.RESTORE, "repaired") is RestorationReason.REPAIRED
    with pytest.raises(ValueError, match="damaged"):
        reason_of(Action.RESTORE, "damaged")


def test_what_is_told_of_a_takedown_names_no_person() -> None:
    actor = str(uuid7())
    notice = Notice(
        *(uuid7(), uuid7(), Action.RETIRE, RemovalReason.OUTDATED, "已换版。", 1, utc_now()),
        *(actor, None),
    )
    told = taken_down("R-0000-0000-0", State.RETIRED, notice)
    assert (told.members["state"], told.members["reason_code"]) == ("RETIRED", "outdated")
    assert "已换版。" in told.detail_zh
    assert actor not in f"{told.detail} {told.detail_zh} {told.members}"


def test_an_average_is_of_those_who_rated() -> None:
    assert Counts().average is None
    assert Counts(ratings=3, stars=13).average == 4.33
