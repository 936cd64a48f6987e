"""Personal data in the forms in which people write it, and numbers that are none."""

import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain import checks_personal
from services.catalog.domain.checks import Defect, Examined
from tests.unit.catalog.test_checks import clean, examined

DIGITS = string.digits
DIVISIONS = st.sampled_from(["110105", "330102", "510104", "650102"])
BIRTHS = st.dates(date(1930, 1, 1), date(2020, 12, 31))
MARKS = st.sampled_from(["", " ", "-"])


@st.composite
def id_numbers(draw: st.DrawFn) -> tuple[str, str, str]:
    """Division, date of birth, and serial with its check character."""
    division, birth = draw(DIVISIONS), f"{draw(BIRTHS):%Y%m%d}"
    serial = draw(st.text(DIGITS, min_size=3, max_size=3))
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    body = f"{division}{birth}{serial}"
    total = sum(int(each) * weight for each, weight in zip(body, weights, strict=True))
    return division, birth, serial + "10X98765432"[total % 11]


def kinds(text: str) -> list[str]:
    return [each.kind for each in checks_personal.find(text)]


@given(id_numbers(), MARKS, MARKS, st.sampled_from(["", "身份证 ", "No.", "ID", "ID.", "号："]))
def test_an_id_number_is_found_however_it_is_divided_and_introduced(
    parts: tuple[str, str, str], first: str, second: str, before: str
) -> None:
    division, birth, serial = parts
    assert kinds(f"{before}{division}{first}{birth}{second}{serial}。") == ["id-number"]


@given(
    st.sampled_from(["", "Tel.", "QQ", "tel", "手机", "微信：", "WX", "No."]),
    st.from_regex("1[3-9][0-9]{8}[1-9]", fullmatch=True),
)
def test_a_mobile_number_is_found_behind_what_introduces_it(before: str, number: str) -> None:
    assert kinds(f"{before}{number}，") == ["phone"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1101 0519 4912 3100 2X", "id-number"),
        ("110105 1949 12 31 002X", "id-number"),
        ("身份证号码：110105491231002", "id-number"),
        ("010-62345678", "landline"),
        ("电话（0571）87654321", "landline"),
        ("Tel.0571-8765432", "landline"),
        ("138\u20131234\u20135678", "phone"),
        ("138.1234.5678", "phone"),
        ("（138）12345678", "phone"),
        ("138\n12345678", "phone"),
        ("138\u200b12345678", "phone"),
        ("110105\n19491231\n002X", "id-number"),
        ("残疾证号 11010519491231002X43", "id-number"),
        ("残疾人证：11010519491231002X43", "id-number"),
        ("电话：62345678", "landline"),
        ("联系电话：8765432", "landline"),
        ("电话：8765-4321", "landline"),
        ("电话：057188888888", "landline"),
        ("01062345678", "landline"),
        ("张老师 010-62345678", "landline"),
        ("008613800138000", "phone"),
        ("138·0013·8001", "phone"),
        ("138_0013_8001", "phone"),
        ("手机：1 3 8 0 0 1 3 8 0 0 0", "phone"),
        ("电话一三八零零一三八零零零", "phone"),
        ("手机 13800000000", "phone"),
        ("62345678/13800138001", "phone"),
        ("手机/13800138001", "phone"),
        ("13800138001 万芳", "phone"),
        ("护照号码：E12345678", "passport"),
        ("姓名\t护照\n王小明\tEA1234567", "passport"),
        ("Passport No. G12345678", "passport"),
        ("往来港澳通行证 C12345678", "travel-permit"),
        ("往来港澳通行证 CA1234567", "travel-permit"),
        ("往来台湾通行证 L12345678", "travel-permit"),
        ("回乡证 H1234567801", "travel-permit"),
        ("港澳居民来往内地通行证 M12345678", "travel-permit"),
        ("台胞证号：12345678", "travel-permit"),
    ],
)
def test_other_ways_to_write_one(text: str, expected: str) -> None:
    assert kinds(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "ISBN 978-7-107-18618-2",
        "ISBN 7-107-010-62345678",
        "2026-11-22 10:30:00",
        "20261122-20261231",
        "订单号 202611221030123456",
        "SF13812345678",
        "110105191231002",
        "3.13812345678",
        "013-62345678",
        "身份证号码：110105491331002",
        "110105 19491231 0021",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
        "零件 E12345678",
        "护照办理热线见附件，EI1234567 为无效号码",
        "通行证自 20261122 起办理",
        "宇宙年龄约为13700000000年，13800000000年前发生大爆炸",
        "全年邮政业务量 15600000000 件",
        "粮食 13390000000担",
        "18600000000÷100",
        "15800000001元",
        "计算：16000000000+14000000000",
        "银河系 13600000000 年",
        "2/13800138001",
        "3×13800138001",
        "残疾证号 11010519491231003X43",
        "1 3 5 7 9 2 4 6 8 0 1",
        "故宫博物院 电话 010-85007938",
        "教育局：010-62345678",
        "git@github.com:a/b.git",
        "user@example.com",
        "张三@school.example",
        "邮箱格式：username@qq.com",
        "电话号码由 7 或 8 位数字组成",
        "考号由 10 位数字组成",
    ],
)
def test_ordinary_numbers_are_no_personal_data(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("旧证 110105491231002", "old-id-number"),
        ("330102750615123", "old-id-number"),
        ("学号 20231234567", "school-number"),
        ("学号：2023010215，姓名：张三", "school-number"),
        ("学籍辅号:L110105200812310021", "student-number"),
        ("全国学籍号 G110105200812310021", "school-number"),
        ("QQ 123456789", "qq"),
        ("qq号：12345", "qq"),
        ("加我ＱＱ：１２３４５６７８９", "qq"),
        ("QQ号码是 1234567890。", "qq"),
        ("扣扣123456", "qq"),
        ("我的微信号 wxid_abc123，", "wechat"),
        ("微信号：zhangsan_88", "wechat"),
        ("微信 ID: zhangsan", "wechat"),
        ("加微信zhang3san", "wechat"),
        ("微信：Zhang-san", "wechat"),
        ("WeChat: li_lei2008", "wechat"),
        ("wxid_9x8y7z6w5v4u22", "wechat"),
        ("家住北京市朝阳区建国路12号", "address"),
        ("我家住在南京市鼓楼区幸福小区3栋", "address"),
        ("他家在郑州市金水区文化路88号院3号楼1502", "address"),
        ("收件地址：江苏省南京市鼓楼区汉口路22号", "address"),
        ("户口所在地：河南省郑州市金水区文化路97号", "address"),
        ("收货地址:中山路十二号", "address"),
        ("通讯地址：南京市汉口路22号", "address"),
        ("准考证号：230104051234", "school-number"),
        ("考号2301040512", "school-number"),
        ("考生号 23110105110001", "school-number"),
        ("Q Q：123456789", "qq"),
        ("微信zhangsanlaoshi", "wechat"),
        ("微信 zhangsanlaoshi，备注班级", "wechat"),
        ("WeChat: zhangsan", "wechat"),
        ("加我v：zhangsan888", "wechat"),
        ("加我vx zhangsan", "wechat"),
        ("V信：zhangsan", "wechat"),
        ("VX：zhangsan", "wechat"),
        ("住址：海淀区中关村大街1号", "address"),
        ("家庭住址\n江苏省南京市玄武区珠江路88号3单元501室", "address"),
        ("户籍地址:河南省新县周河乡毛铺村5组", "address"),
        ("现住址 上海市徐汇区漕溪北路 88弄 5号 302室", "address"),
        ("家庭地址：阳光花园3-2-501", "address"),
        ("张三\t杭州市文三路12号3幢2单元501室\t电话", "address"),
        ("阳光花园12号楼一单元101", "address"),
    ],
)
def test_what_tells_where_somebody_lives_or_is_met_is_found(text: str, expected: str) -> None:
    assert kinds(text) == [expected]


@pytest.mark.parametrize(
    ("heading", "cell", "expected"),
    [
        ("家庭住址", "北京市朝阳区建国路12号", "address"),
        ("QQ号", "123456789", "qq"),
        ("微信", "zhang_san88", "wechat"),
        ("学号", "2023010215", "school-number"),
        ("身份证号", "110105191231002", "id-number"),
    ],
)
@pytest.mark.parametrize("mark", ["\t", ","])
def test_a_cell_is_read_with_the_heading_of_its_column(
    heading: str, cell: str, expected: str, mark: str
) -> None:
    rows = (("姓名", heading, "备注"), ("王小明", cell, "走读"), ("李丽", cell, ""))
    assert kinds("名单\n" + "\n".join(mark.join(row) for row in rows)) == [expected] * 2
    assert kinds(mark.join(rows[0]) + "\n\n" + mark.join(rows[1])) == []


@pytest.mark.parametrize(
    "text",
    [
        "北京市海淀区",
        "天安门在长安街的北面，人民大会堂在天安门广场西侧。",
        "小红从家出发，沿长安街向东走200米，再向南走150米到学校。",
        "地址：北京市海淀区中关村大街1号，邮编100081",
        "鲁迅故居位于绍兴市鲁迅中路241号。",
        "英租界旧址在解放北路 3 号院",
        "小红说：我家住在幸福路23号",
        "我家住在幸福小区3栋",
        "我家在中山路十二号。",
        "小明家住在中山路十二号",
        "李明家住在阳光小区3号楼2单元501室，王红家住在他家楼上",
        "中山路188号2楼201室 书店",
        "微信号wechat",
        "微信 android 版",
        "家住长江头，君住长江尾。",
        "我家在东北松花江上，那里有森林煤矿。",
        "我家住在小区里一室一厅的房子里",
        "我家在城里一座小楼上",
        "我家住在地铁里十号线的终点",
        "家住人民路2号线地铁站附近",
        "住址：______省______市______路____号",
        "填写家庭住址时，由大到小依次写省、市、区、街道和门牌号。",
        "白云山上住着1号猴子",
        "第3单元 住址与门牌号 练习5",
        "教学楼3楼301室是计算机教室",
        "科技路5号实验楼301室",
        "商店在6号楼和8号楼之间",
        "学号是5的倍数的同学起立",
        "1~40号同学按学号排队，学号为 12 的同学",
        "学号由8位数字组成，前4位是入学年份",
        "学号 INTEGER PRIMARY KEY",
        "QQ有100000000个用户",
        "QQ 10000人在线",
        "QQ2024版",
        "打开QQ，点击“文件传输”",
        "微信小程序 WeChat 开发",
        "微信 Windows 版",
        "微信公众号 zhihui_2024 不在此列",
        "微信号由字母开头，长 6 至 20 位",
        "wx.request({ url: 'x' })",
        "3.141592653589793",
        "2^47=140737488355328，10^14=100000000000000，111111111111111",
        "123456789012345",
        "17! = 355687428096000",
        "学号,成绩\n1,98\n2,100",
        "社交软件\tQQ\t微信\n人数\t35\t40",
    ],
)
def test_what_lessons_say_of_places_and_programs_is_no_personal_data(text: str) -> None:
    assert kinds(text) == []


LESSON = st.text("小明家住在学校北面街路里号区楼第一二三0123456789，。 ", max_size=60)


@given(
    LESSON,
    st.sampled_from(["住址：海淀区学院路37号", "QQ 123456789", "微信号 wxid_abc123"]),
    LESSON,
)
def test_it_is_found_in_the_midst_of_a_lesson(before: str, personal: str, after: str) -> None:
    assert kinds(personal)[0] in kinds(f"{before}。\n{personal}。\n{after}")


@given(st.sampled_from("省市区县镇"), st.text("东西南北中山河海江湖", min_size=1, max_size=6))
def test_a_place_without_a_house_is_nobodys_home(kind: str, name: str) -> None:
    assert kinds(f"家庭住址：{name}{kind}；{name}路在{name}街以北") == []


@given(st.integers(10_000, 10**11 - 1))
def test_of_a_short_number_too_most_is_hidden(number: int) -> None:
    (found,) = checks_personal.find(f"QQ：{number}")
    assert found.masked.count("*") >= 3


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.integers(0, 10**8 - 1))
def test_a_date_with_a_serial_is_no_personal_data(day: date, serial: int) -> None:
    assert kinds(f"编号 {day:%Y%m%d}-{serial:08}") == []


def test_file_names_and_descriptions_are_looked_through() -> None:
    file = clean(filename="张三13812345678.pdf", alt_text="身份证 110105 19491231 002X")
    about: Examined = examined(files=[file])
    found: list[Defect] = list(checks_personal.in_files(about))
    assert [(each.code, each.pointer) for each in found] == [
        ("personal-phone", "#/files/0"),
        ("personal-id-number", "#/files/0/alt_text"),
    ]
    assert found[0].values["place_zh"] == "（文件名）"
