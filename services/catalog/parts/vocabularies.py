from dataclasses import dataclass

from services.catalog.adapters.knowledge import KnowledgeRepository
from services.catalog.adapters.textbooks import TextbookRepository
from services.catalog.adapters.vocabularies import DictionaryRepository
from services.catalog.application.knowledge import Knowledge
from services.catalog.application.textbooks import Textbooks, WaitingTextbooks
from services.catalog.application.vocabularies import Dictionaries, Vocabulary
from services.catalog.application.vocabularies_imports import Exports, Imports, Stores
from services.catalog.problems import knowledge, textbooks, vocabularies
from services.catalog.routes.knowledge import knowledge_router
from services.catalog.routes.textbooks import textbooks_router
from services.catalog.routes.vocabularies import dictionaries_router
from services.catalog.routes.vocabularies_imports import vocabulary_files_router
from services.catalog.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


@dataclass(frozen=True, kw_only=True)
class VocabulariesPart(Part):
    """``vocabulary`` is what the other parts look terms up with."""

    vocabulary: Vocabulary


def build(runtime: Runtime, settings: Settings) -> VocabulariesPart:
    """Dictionaries, textbooks with their chapters, knowledge graphs, and their CSV files."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    cursors = Cursors(keys.derive("cursors"))
    new_uow, clock = runtime.new_uow, runtime.clock
    vocabulary = Vocabulary(DictionaryRepository)
    waiting = WaitingTextbooks(TextbookRepository, clock)
    stores = Stores(DictionaryRepository, TextbookRepository, KnowledgeRepository)
    return VocabulariesPart(
        routers=[
            dictionaries_router(
                Dictionaries(new_uow, DictionaryRepository, vocabulary, waiting.resolve, clock),
                cursors,
            ),
            textbooks_router(Textbooks(new_uow, TextbookRepository, vocabulary, clock), cursors),
            knowledge_router(Knowledge(new_uow, KnowledgeRepository, vocabulary, clock), cursors),
            vocabulary_files_router(
                Imports(new_uow, stores, vocabulary, waiting, clock), Exports(new_uow, stores)
            ),
        ],
        table={**vocabularies.PROBLEMS, **textbooks.PROBLEMS, **knowledge.PROBLEMS},
        vocabulary=vocabulary,
    )
