"""Deletes the objects of a container that are older than so many days."""
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

SWIFT = {"service_type": "object-store"}


def main(context, container, days=30):
    swift, before = context["os_session"], datetime.now(timezone.utc) - timedelta(days=days)
    path, marker, kept, deleted = "/" + quote(container), "", 0, 0
    while True:
        query = {"format": "json", "marker": marker}
        page = swift.get(path, endpoint_filter=SWIFT, params=query).json()
        if not page:
            return {"deleted": deleted, "kept": kept}
        for one in page:
            marker = one["name"]
            if datetime.fromisoformat(one["last_modified"] + "+00:00") >= before:
                kept += 1
                continue
            answer = swift.delete(path + "/" + quote(marker), endpoint_filter=SWIFT, raise_exc=False)
            if answer.status_code != 404:  # deleted by somebody else
                answer.raise_for_status()
                deleted += 1
