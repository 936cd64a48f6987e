"""The merged contract as openapi-python-client uses it; run beside the generated package, it prints
one line of JSON that the test looks at."""

import json
import sys

from shuyuan_client import AuthenticatedClient, Client  # type: ignore[import-not-found]
from shuyuan_client.api.catalog import (  # type: ignore[import-not-found]
    announce_upload,
    list_changes,
    list_resources,
    read_resource,
)
from shuyuan_client.api.gateway import read_quota  # type: ignore[import-not-found]
from shuyuan_client.models import AnnounceUpload, Problem  # type: ignore[import-not-found]

origin, person, token, key = sys.argv[1:]
api = AuthenticatedClient(base_url=origin, token=token)
teacher = AuthenticatedClient(base_url=origin, token=person)
keyed = Client(base_url=origin, headers={"x-api-key": key})
announced = AnnounceUpload(
    filename="lesson.txt",
    media_type="text/plain",
    size=5,
    sha256="2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
)
upload = announce_upload.sync_detailed(client=teacher, body=announced)
listed = list_resources.sync_detailed(client=keyed, limit=5)
missing = read_resource.sync(client=api, resource_id="00000000-0000-7000-8000-000000000000")
sys.stdout.write(
    json.dumps(
        {
            "class": read_quota.sync(client=api).quota_class,
            "upload": int(upload.status_code),
            "named": upload.parsed.filename,
            "listed": isinstance(listed.parsed.items, list),
            "limit": "ratelimit" in listed.headers,
            "changes": isinstance(list_changes.sync(client=keyed).items, list),
            "missing": missing.status if isinstance(missing, Problem) else None,
        }
    )
)
