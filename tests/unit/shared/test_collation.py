import pytest

from shared.collation import sort_key


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("宝鸡市", "西安市"),
        ("西安市", "咸阳市"),
        ("重庆", "中山"),
        ("二年级", "十年级"),
        ("第二中学", "第十中学"),
        ("高一(2)班", "高一(10)班"),
        ("初一", "高一"),
    ],
)
def test_names_sort_by_pinyin_and_numbers_by_value(first: str, second: str) -> None:
    assert sort_key(first) < sort_key(second)


def test_a_syllable_is_compared_whole() -> None:
    assert sort_key("西安") < sort_key("先锋")
