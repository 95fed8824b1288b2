"""Hears one notification of each priority as Ceilometer's agent does, and prints them.

Its arguments are the exchange, the topic and how many priorities there are.
"""
import json
import os
import sys
import threading

from oslo_config import cfg
import oslo_messaging

exchange, topic, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
heard, complete = {}, threading.Event()


class Endpoint:
    def _take(self, priority, ctxt, publisher_id, event_type, payload, metadata):
        heard[priority] = {
            "context": ctxt, "publisher_id": publisher_id, "event_type": event_type, "payload": payload,
            "metadata": metadata,
        }
        if len(heard) == wanted:
            complete.set()

    def info(self, *args):
        self._take("info", *args)

    def error(self, *args):
        self._take("error", *args)


conf = cfg.ConfigOpts()
conf([])
transport = oslo_messaging.get_notification_transport(conf, url=os.environ["TRANSPORT_URL"])
target = oslo_messaging.Target(exchange=exchange, topic=topic)
listener = oslo_messaging.get_notification_listener(transport, [target], [Endpoint()], executor="threading")
listener.start()
complete.wait(240)  # less than the test's own timeout
print(json.dumps(heard), flush=True)
listener.stop()
listener.wait()
