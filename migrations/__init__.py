"""Database migrations: one alembic section per service, all run by one command."""
