"""A stand-in for a Meilisearch server, as strict as its published description (1.15): what that
does not name is refused, and so is any attribute that the settings of an index do not declare.

It ranks plainly, and keeps the rules on which our adapter rests: a query is words and phrases, all
of them required or the last ones dropped; a federation merges queries by weighted score, tells a
document once, and counts facets over what was merged.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Uid = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,400}$")]
Document = dict[str, Any]


class Refused(Exception):
    """Answered with that status and code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CreateIndex(_Strict):
    uid: Uid
    primaryKey: str | None = None  # noqa: N815 - as in all these, the wire's name


class TypoTolerance(_Strict):
    enabled: bool


class Pagination(_Strict):
    maxTotalHits: int  # noqa: N815


class Faceting(_Strict):
    maxValuesPerFacet: int = 100  # noqa: N815
    sortFacetValuesBy: dict[str, Literal["alpha", "count"]] = {}  # noqa: N815


class Settings(_Strict):
    searchableAttributes: list[str] = ["*"]  # noqa: N815
    displayedAttributes: list[str] = ["*"]  # noqa: N815
    filterableAttributes: list[str] = []  # noqa: N815
    sortableAttributes: list[str] = []  # noqa: N815
    rankingRules: list[  # noqa: N815
        Literal["sort", "words", "typo", "proximity", "attribute", "exactness"]
    ] = []
    typoTolerance: TypoTolerance | None = None  # noqa: N815
    pagination: Pagination = Pagination(maxTotalHits=1000)
    faceting: Faceting = Faceting()


class Weighted(_Strict):
    weight: Annotated[float, Field(ge=0)] = 1.0


class Search(_Strict):
    q: str = ""
    filter: str | list[str] = []
    facets: list[str] = []
    sort: list[str] = []
    limit: Annotated[int, Field(ge=0)] = 20
    offset: Annotated[int, Field(ge=0)] = 0
    matchingStrategy: Literal["all", "last", "frequency"] = "last"  # noqa: N815
    attributesToSearchOn: list[str] | None = None  # noqa: N815


class Delete(_Strict):
    filter: str


class FederatedSearch(_Strict):
    """Paging and facets are the federation's."""

    indexUid: Uid  # noqa: N815
    q: str = ""
    filter: str | list[str] = []
    sort: list[str] = []
    matchingStrategy: Literal["all", "last", "frequency"] = "last"  # noqa: N815
    attributesToSearchOn: list[str] | None = None  # noqa: N815
    federationOptions: Weighted = Weighted()  # noqa: N815


class Federation(_Strict):
    limit: Annotated[int, Field(ge=0)] = 20
    offset: Annotated[int, Field(ge=0)] = 0
    facetsByIndex: dict[Uid, list[str]] = {}  # noqa: N815


class MultiSearch(_Strict):
    federation: Federation
    queries: Annotated[list[FederatedSearch], Field(min_length=1)]


class Swap(_Strict):
    indexes: Annotated[list[Uid], Field(min_length=2, max_length=2)]


_TERM = re.compile(r'"([^"]*)"|(\S+)')
_IN = re.compile(r'(\w+) (NOT )?IN \[((?:"[^"]*"(?:, )?)+)\]')
_EQUAL = re.compile(r"(\w+) = ([\w-]+)")


class Index:
    def __init__(self) -> None:
        self.settings = Settings()
        self.documents: dict[str, Document] = {}

    def declared(self, names: Sequence[str], among: Sequence[str], code: str) -> None:
        if not set(names) <= set(among):
            raise Refused(400, code)

    def matching(self, asked: Search | FederatedSearch) -> dict[str, float]:
        """Scores by id, of all that answers."""
        fields = asked.attributesToSearchOn or self.settings.searchableAttributes
        self.declared(
            fields, self.settings.searchableAttributes, "invalid_search_attributes_to_search_on"
        )
        sorted_by = [each.partition(":")[0] for each in asked.sort]
        self.declared(sorted_by, self.settings.sortableAttributes, "invalid_search_sort")
        terms = [(phrase.split() or [word], not phrase) for phrase, word in _TERM.findall(asked.q)]
        filters = [asked.filter] if isinstance(asked.filter, str) else asked.filter
        tests = [self._filter(each) for each in filters]
        found = {}
        for key, document in self.documents.items():
            if any(
                bool(set(values) & _values(document, name)) is not wanted
                for name, values, wanted in tests
            ):
                continue
            hits = [_rank(document, fields, *term) for term in terms]
            whole = asked.matchingStrategy == "all" or not terms
            if not all(hits) if whole else not hits[0]:
                continue
            found[key] = (1 + sum(hits)) / (1 + len(terms))
        return found

    def _filter(self, text: str) -> tuple[str, list[str], bool]:
        """The attribute, the values, and whether it must have one of them, or none."""
        if several := _IN.fullmatch(text):
            name, values = several[1], re.findall('"([^"]*)"', several[3])
            wanted = not several[2]
        elif one := _EQUAL.fullmatch(text):
            name, values, wanted = one[1], [one[2]], True
        else:
            raise Refused(400, "invalid_search_filter")
        self.declared([name], self.settings.filterableAttributes, "invalid_search_filter")
        return name, values, wanted

    def counted(self, keys: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, int]]:
        self.declared(names, self.settings.filterableAttributes, "invalid_search_facets")
        most = self.settings.faceting.maxValuesPerFacet
        return {
            name: dict(
                Counter(
                    value for key in keys for value in _values(self.documents[key], name)
                ).most_common(most)
            )
            for name in names
        }

    def shown(self, key: str) -> Document:
        names = self.settings.displayedAttributes
        document = self.documents[key]
        return {name: value for name, value in document.items() if names == ["*"] or name in names}


def _values(document: Document, name: str) -> set[str]:
    value = document.get(name, [])
    return {str(each) for each in value} if isinstance(value, list) else {str(value)}


def _rank(document: Document, fields: Sequence[str], words: list[str], prefix: bool) -> float:
    """Between 0 and 1: the earlier the attribute, the better."""
    for place, name in enumerate(fields):
        tokens = str(document.get(name, "")).lower().split()
        starts = range(len(tokens) - len(words) + 1)
        if any(tokens[start : start + len(words)] == words for start in starts):
            return 1 - place / (2 * len(fields))
        if prefix and any(token.startswith(words[0]) for token in tokens):
            return 0.4
    return 0.0


class Server:
    """Its indexes, and every request that it was sent."""

    def __init__(self) -> None:
        self.indexes: dict[str, Index] = {}
        self.tasks: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.lock = threading.RLock()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.requests.append((method, path, body))
        match (method, *path.strip("/").split("/")):
            case ("POST", "indexes"):
                return 202, self._create(CreateIndex.model_validate(body))
            case ("DELETE", "indexes", uid):
                return 202, self._task("indexDeletion", self.indexes.pop(uid, None) is None)
            case ("PATCH", "indexes", uid, "settings"):
                self._index(uid).settings = Settings.model_validate(body)
                return 202, self._task("settingsUpdate")
            case ("POST", "indexes", uid, "documents"):
                for document in TypeAdapter(list[Document]).validate_python(body):
                    if not re.fullmatch("[A-Za-z0-9_-]{1,511}", document["id"]):
                        raise Refused(400, "invalid_document_id")
                    self._index(uid).documents[document["id"]] = document
                return 202, self._task("documentAdditionOrUpdate")
            case ("POST", "indexes", uid, "documents", "delete"):
                index = self._index(uid)
                for key in index.matching(Search(filter=Delete.model_validate(body).filter)):
                    del index.documents[key]
                return 202, self._task("documentDeletion")
            case ("GET", "indexes", uid, "documents", key):
                if key not in self._index(uid).documents:
                    raise Refused(404, "document_not_found")
                return 200, self._index(uid).shown(key)
            case ("POST", "indexes", uid, "search"):
                return 200, self._search(uid, Search.model_validate(body))
            case ("POST", "multi-search"):
                return 200, self._federated(MultiSearch.model_validate(body))
            case ("POST", "swap-indexes"):
                for swap in TypeAdapter(list[Swap]).validate_python(body):
                    one, other = swap.indexes
                    self.indexes[one], self.indexes[other] = self._index(other), self._index(one)
                return 202, self._task("indexSwap")
            case ("GET", "tasks", number):
                return 200, self.tasks[int(number)]
            case _:
                raise Refused(404, "not_found")

    def _index(self, uid: str) -> Index:
        if uid not in self.indexes:
            raise Refused(404, "index_not_found")
        return self.indexes[uid]

    def _create(self, asked: CreateIndex) -> Document:
        there = asked.uid in self.indexes
        self.indexes.setdefault(asked.uid, Index())
        return self._task("indexCreation", there, "index_already_exists")

    def _task(self, kind: str, failed: bool = False, code: str = "index_not_found") -> Document:
        task = {
            "uid": len(self.tasks),
            "indexUid": None,
            "status": "failed" if failed else "succeeded",
            "type": kind,
            "canceledBy": None,
            "details": None,
            "error": {"message": code, "code": code, "type": "invalid_request", "link": ""}
            if failed
            else None,
            "duration": "PT0.001S",
            "enqueuedAt": "2026-11-22T00:00:00.000000Z",
            "startedAt": "2026-11-22T00:00:00.000000Z",
            "finishedAt": "2026-11-22T00:00:00.001000Z",
        }
        self.tasks.append(task)
        told = {name: task[name] for name in ("indexUid", "type", "enqueuedAt")}
        return {**told, "taskUid": task["uid"], "status": "enqueued"}

    def _search(self, uid: str, asked: Search) -> Document:
        index = self._index(uid)
        scores = index.matching(asked)
        keys = sorted(scores, key=lambda key: -scores[key])
        return {
            "hits": [index.shown(key) for key in keys[asked.offset : asked.offset + asked.limit]],
            "estimatedTotalHits": len(keys),
            "facetDistribution": index.counted(keys, asked.facets),
        }

    def _federated(self, asked: MultiSearch) -> Document:
        [uid] = {each.indexUid for each in asked.queries}
        index, best = self._index(uid), dict[str, float]()
        for query in asked.queries:
            for key, score in index.matching(query).items():
                best[key] = max(best.get(key, 0.0), score * query.federationOptions.weight)
        keys = sorted(best, key=lambda key: -best[key])
        if any(query.sort == ["published_at:desc"] for query in asked.queries):
            keys.sort(key=lambda key: -index.documents[key]["published_at"])
        start, end = asked.federation.offset, asked.federation.offset + asked.federation.limit
        told: Document = {
            "hits": [index.shown(key) for key in keys[start:end]],
            "estimatedTotalHits": len(keys),
        }
        for name, facets in asked.federation.facetsByIndex.items():
            counted = self._index(name).counted(keys, facets)
            told["facetsByIndex"] = {name: {"distribution": counted, "stats": {}}}
        return told


@contextmanager
def serving(key: str) -> Iterator[tuple[str, Server]]:
    """A server on a loopback port that accepts `key`: its address, and what it holds."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(length)
            try:
                if self.headers.get("authorization") != f"Bearer {key}":
                    raise Refused(403, "invalid_api_key")
                told = self.command in ("POST", "PATCH")  # of a DELETE, the body is passed over
                if told and self.headers.get("content-type") != "application/json":
                    raise Refused(415, "invalid_content_type")
                with server.lock:
                    body = json.loads(raw) if told else None
                    status, answer = server.answer(self.command, urlsplit(self.path).path, body)
            except Refused as refused:
                status, answer = refused.status, _error(refused.code)
            except (ValidationError, ValueError, KeyError) as error:
                status, answer = 400, _error("bad_request", str(error))
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is told of requests."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}", server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _error(code: str, message: str = "") -> Mapping[str, str]:
    return {"message": message or code, "code": code, "type": "invalid_request", "link": ""}
