from shared.database import UnitOfWork


class IdentityUnitOfWork(UnitOfWork):
    """One transaction in the identity database."""
