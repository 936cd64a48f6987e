from shared.database import UnitOfWork


class CatalogUnitOfWork(UnitOfWork):
    """One transaction in the catalog database."""
