from shared.database import UnitOfWork


class CopyrightUnitOfWork(UnitOfWork):
    """One transaction in the copyright database."""
