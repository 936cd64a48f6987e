import pytest

from services.learning.domain.assignments import Answer, Choice, Cloze, Criterion, File, Item, Text
from services.learning.domain.marking import GivenMark, Mark, automatic, complete, halves

RUBRIC = [Criterion("说理", 3), Criterion("表达", 1)]
ITEMS: list[Item] = [
    Choice("?", 2, ["a", "b", "c"], [0, 2]),
    Cloze("__ __ __", 2, [["3/4", "四分之三"], ["Beijing"], ["7"]]),
    Text("?", 4, "", RUBRIC),
    File("?", 2, 1, []),
]


@pytest.mark.parametrize(("choices", "points"), [((0, 2), 2), ((0,), 0), ((0, 1, 2), 0), ((), 0)])
def test_a_choice_has_its_points_for_the_right_set_alone(
    choices: tuple[int, ...], points: float
) -> None:
    assert automatic(ITEMS[:1], [Answer(0, choices=choices)]) == [Mark(points)]


@pytest.mark.parametrize(
    ("gaps", "points"),
    [
        (("3/4", "Beijing", "7"), 2),
        (("３／４", " BEI jing", "７"), 2),
        (("四分之三", "Shanghai", "7"), 1),
        (("", "", "7"), 0.5),
        (("", "", ""), 0),
    ],
    ids=["right", "other writing", "two of three", "one of three", "none"],
)
def test_each_gap_has_its_share_however_it_is_written(gaps: tuple[str, ...], points: float) -> None:
    assert automatic([ITEMS[1]], [Answer(0, gaps=gaps)]) == [Mark(points)]


def test_without_an_answer_there_are_no_points_and_people_mark_the_rest() -> None:
    assert automatic(ITEMS, []) == [Mark(0), Mark(0), None, None]


def test_points_are_rounded_down_to_halves() -> None:
    assert [halves(each) for each in (0.49, 0.5, 1.99, 2.0)] == [0, 0.5, 1.5, 2]


def test_given_marks_join_known_ones() -> None:
    known = automatic(ITEMS, [])
    given = [GivenMark(2, Mark(3.5, (2.5, 1))), GivenMark(3, Mark(2)), GivenMark(0, Mark(1))]
    assert complete(ITEMS, known, given) == (
        [Mark(1), Mark(0), Mark(3.5, (2.5, 1)), Mark(2)],
        [],
    )


@pytest.mark.parametrize(
    ("given", "pointer", "zh"),
    [
        (GivenMark(0, Mark(2.5)), "/points", "得分不能超过本题分值。"),
        (GivenMark(2, Mark(4)), "/criteria", "请填写全部评分项得分，本题共 2 项。"),
        (GivenMark(2, Mark(4, (4, 0))), "/criteria", "各评分项得分不能超过其分值。"),
        (GivenMark(2, Mark(3, (3, 1))), "/points", "得分应等于各评分项得分之和，或省略不填。"),
        (GivenMark(3, Mark(1, (1,))), "/criteria", "本题没有评分项，请只填得分。"),
    ],
    ids=["too much", "no rubric", "a line too much", "wrong sum", "no such rubric"],
)
def test_a_mark_that_does_not_fit_its_item_is_told(given: GivenMark, pointer: str, zh: str) -> None:
    _, flaws = complete(ITEMS, [Mark(0)] * 4, [given])
    assert [(at, chinese) for at, _, chinese in flaws] == [(f"#/marks/0{pointer}", zh)]


def test_every_missing_mark_is_told() -> None:
    _, flaws = complete(ITEMS, automatic(ITEMS, []), [])
    assert [en for _, en, _ in flaws] == [
        "The item at 2 has no mark.",
        "The item at 3 has no mark.",
    ]
