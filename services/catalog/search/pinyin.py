"""Pinyin without tones: of texts, and of what people type."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from services.catalog.search.text import is_han

_SYLLABLES = """
    a ai an ang ao ba bai ban bang bao bei ben beng bi bian biao bie bin bing bo bu ca cai can cang
    cao ce cen ceng cha chai chan chang chao che chen cheng chi chong chou chu chua chuai chuan
    chuang chui chun chuo ci cong cou cu cuan cui cun cuo da dai dan dang dao de dei deng di dia
    dian diao die ding diu dong dou du duan dui dun duo e ei en er fa fan fang fei fen feng fo fou
    fu ga gai gan gang gao ge gei gen geng gong gou gu gua guai guan guang gui gun guo ha hai han
    hang hao he hei hen heng hong hou hu hua huai huan huang hui hun huo ji jia jian jiang jiao jie
    jin jing jiong jiu ju juan jue jun ka kai kan kang kao ke kei ken keng kong kou ku kua kuai kuan
    kuang kui kun kuo la lai lan lang lao le lei len leng li lia lian liang liao lie lin ling liu lo
    long lou lu luan lue lun luo lv lve ma mai man mang mao me mei men meng mi mian miao mie min
    ming miu mo mou mu na nai nan nang nao ne nei nen neng ni nian niang niao nie nin ning niu nong
    nou nu nuan nue nuo nv nve o ou pa pai pan pang pao pei pen peng pi pian piao pie pin ping po
    pou pu qi qia qian qiang qiao qie qin qing qiong qiu qu quan que qun ran rang rao re ren reng ri
    rong rou ru ruan rui run ruo sa sai san sang sao se sen seng sha shai shan shang shao she shei
    shen sheng shi shou shu shua shuai shuan shuang shui shun shuo si song sou su suan sui sun suo
    ta tai tan tang tao te tei teng ti tian tiao tie ting tong tou tu tuan tui tun tuo wa wai wan
    wang wei wen weng wo wu xi xia xian xiang xiao xie xin xing xiong xiu xu xuan xue xun ya yan
    yang yao ye yi yin ying yo yong you yu yuan yue yun za zai zan zang zao ze zei zen zeng zha zhai
    zhan zhang zhao zhe zhei zhen zheng zhi zhong zhou zhu zhua zhuai zhuan zhuang zhui zhun zhuo zi
    zong zou zu zuan zui zun zuo
"""
SYLLABLES = frozenset(_SYLLABLES.split())
"""Every syllable of Mandarin, ü as v; ``lue`` and ``nue`` are how many type lüe and nüe."""

LONGEST = 6
MOST_INITIALS = 8
SEPARATOR = "|"
"""Stands between texts that no phrase may span."""

_LETTERS = re.compile("[a-z]+")


@lru_cache(maxsize=50_000)
def reading(word: str) -> tuple[str, ...]:
    """The syllables of a word of Han characters, one a character, in its context: 音乐 is yin yue.
    Where one has no reading, each stands for itself."""
    # Imported here: its phrases take 58 MB and a quarter of a second.
    from pypinyin import lazy_pinyin

    syllables = tuple(lazy_pinyin(word))
    return syllables if len(syllables) == len(word) else tuple(word)


def syllables_of(words: Sequence[str]) -> Iterator[str]:
    """The readings of words that follow one another; a Latin word is one token."""
    for word in words:
        if is_han(word):
            yield from reading(word)
        else:
            yield word


def initials_of(words: Sequence[str]) -> frozenset[str]:
    """From each word on, the first letters of 2 to `MOST_INITIALS` syllables: 二次 函数 课件 has
    ec, ech, echs … hs, hsk, hskj, kj."""
    letters, starts = "", list[int]()
    found = set[str]()
    for word in [*words, SEPARATOR]:
        syllables = reading(word) if is_han(word) else ()
        if not syllables:
            found.update(_initials(letters, starts))
            letters, starts = "", []
            continue
        starts.append(len(letters))
        letters += "".join(each[0] for each in syllables)
    return frozenset(found)


def _initials(letters: str, starts: Sequence[int]) -> Iterator[str]:
    for start in starts:
        for end in range(start + 2, min(len(letters), start + MOST_INITIALS) + 1):
            yield letters[start:end]


def split(letters: str) -> tuple[tuple[str, ...], str] | None:
    """`letters` as syllables, the fewest there can be, and what of a last one has been typed:
    hanshu is han shu, hansh is han and sh. None where they are no pinyin."""
    best: list[tuple[str, ...] | None] = [()] + [None] * len(letters)
    for end in range(1, len(letters) + 1):
        for start in range(max(0, end - LONGEST), end):
            before = best[start]
            if before is None or letters[start:end] not in SYLLABLES:
                continue
            known = best[end]
            # Of as few syllables, those that do not begin with a vowel: fangan is fan gan.
            if known is None or _cost((*before, letters[start:end])) < _cost(known):
                best[end] = (*before, letters[start:end])
    whole = best[-1]
    if whole is not None:
        return whole, ""
    for start in range(len(letters) - 1, max(-1, len(letters) - LONGEST), -1):
        before = best[start]
        if before is not None and _begins_one(letters[start:]):
            return before, letters[start:]
    return None


def _cost(syllables: tuple[str, ...]) -> tuple[int, int]:
    return len(syllables), sum(each[0] in "aeo" for each in syllables[1:])


@lru_cache(maxsize=1)
def _beginnings() -> frozenset[str]:
    return frozenset(each[:end] for each in SYLLABLES for end in range(1, len(each) + 1))


def _begins_one(letters: str) -> bool:
    return letters in _beginnings()


def is_letters(token: str) -> bool:
    """Whether `token` may be pinyin at all."""
    return _LETTERS.fullmatch(token) is not None
