from services.catalog.settings import Settings
from shared.s3 import S3ObjectStore


def object_store(settings: Settings) -> S3ObjectStore:
    """The object store that `settings` name."""
    return S3ObjectStore(
        endpoint=settings.object_store_endpoint,
        origin=settings.object_store_origin,
        access_key=settings.object_store_access_key,
        secret_key=settings.object_store_secret_key.get_secret_value(),
        bucket=settings.object_store_bucket,
    )
