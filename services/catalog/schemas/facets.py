"""Codes of terms, by the dictionary in which they are looked up."""

from typing import Annotated

from pydantic import Field

from services.catalog.application.metadata import Code

Stage = Annotated[Code, Field(description="学段, dictionary `stage`.", examples=["primary"])]
Subject = Annotated[Code, Field(description="学科, dictionary `subject`.", examples=["14"])]
Grade = Annotated[Code, Field(description="年级, dictionary `grade`.", examples=["G3"])]
Edition = Annotated[
    Code, Field(description="教材版本, dictionary `edition`.", examples=["renjiao"])
]
Volume = Annotated[Code, Field(description="册次, dictionary `volume`.", examples=["upper"])]
ResourceType = Annotated[
    Code, Field(description="资源类型, dictionary `resource_type`.", examples=["coursewares"])
]
Licence = Annotated[Code, Field(description="许可, dictionary `licence`.", examples=["CC-BY-4.0"])]
