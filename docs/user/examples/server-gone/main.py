"""Deletes what a server has left in Swift: the objects whose names begin with its id."""
from urllib.parse import quote

SWIFT = {"service_type": "object-store"}


def main(event, context, container):
    server, swift = event["data"]["instance_id"], context["os_session"]
    path, marker, deleted = "/" + quote(container), "", 0
    while True:
        query = {"format": "json", "prefix": server + "/", "marker": marker}
        page = swift.get(path, endpoint_filter=SWIFT, params=query).json()
        if not page:
            print(event["data"]["display_name"], "is gone, and with it objects:", deleted)
            return {"server": server, "deleted": deleted}
        for one in page:
            marker = one["name"]
            answer = swift.delete(path + "/" + quote(marker), endpoint_filter=SWIFT, raise_exc=False)
            if answer.status_code != 404:  # deleted before, when this event was tried for the first time
                answer.raise_for_status()
                deleted += 1
