from shared.database import UnitOfWork


class LearningUnitOfWork(UnitOfWork):
    """One transaction in the learning database."""
