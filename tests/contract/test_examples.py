"""``/openapi.json`` shows an example of every request body, and every example fits its schema."""

from gateway.compiler.operations import contracts
from gateway.contract import merged
from tests.service.examples import examples


def test_every_request_body_has_examples_that_fit_its_schema() -> None:
    shown = list(examples(merged(contracts())))
    defects = [defect for example in shown for defect in example.defects()]
    assert not defects, "\n".join(defects)
