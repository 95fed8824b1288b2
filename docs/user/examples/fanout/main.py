"""Counts the words of all objects of a container, many objects at a time."""
import uuid
from urllib.parse import quote

CLIENT = str(uuid.uuid4())
SWIFT = {"service_type": "object-store"}
AT_ONCE = 20  # messages in a request, as many as Zaqar takes


def split(context, container, queue):
    """Posts a message for each of the first 10,000 objects."""
    session = context["os_session"]
    listed = session.get("/" + quote(container), endpoint_filter=SWIFT, params={"format": "json"}).json()
    messages = [{"body": {"container": container, "object": one["name"]}, "ttl": 3600} for one in listed]
    for at in range(0, len(messages), AT_ONCE):
        session.post(
            f"/v2/queues/{queue}/messages",
            endpoint_filter={"service_type": "messaging"},
            headers={"Client-ID": CLIENT},
            json={"messages": messages[at:at + AT_ONCE]},
        )
    return len(messages)


def count(event, context):
    """Counts the words of the object that a message names."""
    container, name = event["data"]["container"], event["data"]["object"]
    text = context["os_session"].get("/" + quote(f"{container}/{name}"), endpoint_filter=SWIFT).text
    return {"object": name, "words": len(text.split())}
