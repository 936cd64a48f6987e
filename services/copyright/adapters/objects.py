from services.copyright.adapters.public_files import S3PublicFiles
from services.copyright.settings import Settings
from shared.presigning import Presigner

_REGION = "us-east-1"


def public_files(settings: Settings, origin: str | None = None) -> S3PublicFiles:
    """The files of the log that is written, or of the one of that name, and of its sibling."""
    presigner = Presigner(
        origin=settings.object_store_endpoint,
        access_key=settings.object_store_access_key,
        secret_key=settings.object_store_secret_key.get_secret_value(),
        bucket=settings.object_store_bucket,
        region=_REGION,
    )
    return S3PublicFiles(presigner, origin or settings.log_origin)
