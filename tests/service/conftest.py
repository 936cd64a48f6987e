"""An application is made for each test, of whose hundred operations the test calls three: what an
operation takes and answers is worked out when it is first called. Making all of it at once was a
third of the time that these tests took; that all of it can be made is asserted by the contracts.
"""

from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import compile_path

_make = APIRoute.__init__


def _begin(route: APIRoute, path: str, **made_of: Any) -> None:
    """What deciding on a route needs, and no more."""
    route.path, route.endpoint = path, made_of["endpoint"]
    route.path_regex, route.path_format, route.param_convertors = compile_path(path)
    route.methods = {method.upper() for method in made_of["methods"] or ("GET",)}
    route.name = made_of["name"] or route.endpoint.__name__
    route.operation_id = made_of["operation_id"]
    route.include_in_schema = made_of["include_in_schema"]
    route.__dict__["made_of"] = made_of


def _finish(route: APIRoute, wanted: str) -> Any:
    """Called for an attribute that is not there yet."""
    made_of = route.__dict__.pop("made_of", None)
    if made_of is None:
        raise AttributeError(wanted)
    begun = dict(route.__dict__)
    _make(route, begun["path"], **made_of)
    route.__dict__.update(begun)
    return getattr(route, wanted)


APIRoute.__init__ = _begin  # type: ignore[assignment,method-assign]
APIRoute.__getattr__ = _finish  # type: ignore[attr-defined]
