"""A lesson, made on the spot by the libraries that teachers' own programs are like: slides, a
handout of several pages with text, a short film, a table of metadata."""

import csv
import io
import secrets
from fractions import Fraction
from typing import Any, cast

import av
from PIL import Image
from pptx import Presentation
from pptx.util import Inches
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

TITLE = "分数的初步认识"
PHONE = "13800138000"
_FONT = "STSong-Light"
_PAGES = (
    "把一张正方形的纸对折，每份是它的二分之一，写作 1/2。",
    "把一个圆平均分成四份，每份是它的四分之一，写作 1/4。",
    "想一想：三分之一和四分之一，哪一个大？画图说明理由。",
    "练习：用分数表示涂色部分，并与同桌互相检查。",
)
_ANSWERS = "参考答案：三分之一更大，因为平均分的份数越少，每一份就越大。"
_WIDTH, _HEIGHT, _FRAMES = 640, 480, 25


def slides(mark: str) -> bytes:
    """PPTX with a picture and notes; `mark` makes it one of its kind."""
    deck, target = Presentation(), io.BytesIO()
    for title, body in ((TITLE, _PAGES[0]), ("四分之一", _PAGES[1]), ("练习", _PAGES[3])):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = f"{body}（{mark}）"
        slide.notes_slide.notes_text_frame.text = "请学生先动手，再说一说。"
    picture = io.BytesIO()
    Image.new("RGB", (320, 240), (70, 130, 180)).save(picture, "PNG")
    deck.slides[0].shapes.add_picture(picture, Inches(6), Inches(4), Inches(3))
    deck.save(target)
    return target.getvalue()


def handout(mark: str, *, answers: bool = False) -> bytes:
    """PDF, a page for each paragraph."""
    target = io.BytesIO()
    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    canvas = Canvas(target, pagesize=A4)
    canvas.setTitle(f"{TITLE} 讲义")
    for number, paragraph in enumerate((*_PAGES, _ANSWERS) if answers else _PAGES, 1):
        canvas.setFont(_FONT, 22)
        canvas.drawString(72, 760, f"{TITLE}（{number}）")
        canvas.setFont(_FONT, 14)
        canvas.drawString(72, 720, paragraph)
        canvas.drawString(72, 690, f"{mark} {number}")
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def film() -> bytes:
    """MP4 (H.264) of noise, which no coder makes small: more than one PUT takes."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as output:
        picture: Any = output.add_stream("libx264", rate=10)
        picture.width, picture.height, picture.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        picture.options = {"preset": "ultrafast", "qp": "4"}
        for number in range(_FRAMES):
            noise = secrets.token_bytes(3 * _WIDTH * _HEIGHT)
            image = Image.frombytes("RGB", (_WIDTH, _HEIGHT), noise)
            frame: Any = cast(Any, av.VideoFrame).from_image(image)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(picture.encode(frame))
        output.mux(picture.encode(None))
    return target.getvalue()


def table(headings: list[str], rows: list[dict[str, str]]) -> bytes:
    """CSV as spreadsheets write it for China: UTF-8 with a byte order mark."""
    target = io.StringIO()
    writer = csv.DictWriter(target, headings)
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue().encode("utf-8-sig")
