"""Says in a queue of Zaqar which server an alarm of Aodh is about."""
import uuid

CLIENT = str(uuid.uuid4())  # Zaqar wants to know who posts; its own messages are not shown to who asks by this id


def main(event, context, queue):
    alarm = event["data"]
    traits = {name: value for name, _, value in alarm["reason_data"]["event"]["traits"]}
    message = {"alarm": alarm["alarm_name"], "state": alarm["current"], "server": traits.get("instance_id")}
    answer = context["os_session"].post(
        f"/v2/queues/{queue}/messages",
        endpoint_filter={"service_type": "messaging"},
        headers={"Client-ID": CLIENT},
        json={"messages": [{"body": message, "ttl": 3600}]},
    )
    return {"message": answer.json()["resources"][0]}
