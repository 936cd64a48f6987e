"""The dictionary of categories, which is the whole province's."""

import httpx2
import pytest

from tests.service.copyright.registering import SCHOOL, Person
from tests.service.house import Token

PATH = "/copyright/v1/categories"
ACROBATICS = {"name_zh": "杂技", "name_en": "Acrobatic works", "letter": "G", "dci": 10}


@pytest.fixture
def ada(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token)


async def test_a_category_is_corrected_by_an_administrator_who_read_it(
    chief: Person, ada: Person, client: httpx2.AsyncClient
) -> None:
    path = f"{PATH}/acrobatics"
    assert (await client.put(path, json=ACROBATICS)).status_code == 401
    before = {**chief.headers, "if-match": '"v1"'}
    others = {**ada.headers, "if-match": '"v1"'}
    assert (await client.put(path, json=ACROBATICS, headers=others)).status_code == 403
    assert (await client.put(path, json=ACROBATICS, headers=chief.headers)).status_code == 428
    changed = await client.put(path, json=ACROBATICS, headers=before)
    assert changed.status_code == 204, changed.text
    assert (await client.put(path, json=ACROBATICS, headers=before)).status_code == 412


async def test_the_administrator_of_one_school_does_not_change_a_category(
    client: httpx2.AsyncClient, token: Token
) -> None:
    school = Person(client, token, f"administrator@{SCHOOL}", "teacher@P0")
    headers = {**school.headers, "if-match": '"v1"'}
    answer = await client.put(f"{PATH}/acrobatics", json=ACROBATICS, headers=headers)
    assert answer.status_code == 403


async def test_no_two_categories_have_one_letter(chief: Person, client: httpx2.AsyncClient) -> None:
    [music] = [each for each in (await client.get(PATH)).json() if each["code"] == "music"]
    headers = {**chief.headers, "if-match": f'"v{music["version"]}"', "accept-language": "en"}
    body = {"name_zh": "音乐", "name_en": "Musical works", "letter": "A", "dci": 4}
    taken = await client.put(f"{PATH}/music", json=body, headers=headers)
    assert taken.status_code == 409
    assert "Written works have the letter A" in taken.json()["detail"]
