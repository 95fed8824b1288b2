"""Hears one notification of each priority as Ceilometer's agent does, and prints what it was given: EXCHANGE TOPIC PRIORITIES."""
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
        heard[priority] = {"context": ctxt, "publisher_id": publisher_id, "event_type": event_type, "payload": payload, "metadata": metadata}
        if len(heard) == wanted:
            complete.set()

    def info(self, *args):
        self._take("info", *args)

    def error(self, *args):
        self._take("error", *args)


conf = cfg.ConfigOpts()
conf([])
transport = oslo_messaging.get_notification_transport(conf, url=os.environ["TRANSPORT_URL"])
listener = oslo_messaging.get_notification_listener(transport, [oslo_messaging.Target(exchange=exchange, topic=topic)], [Endpoint()], executor="threading")
listener.start()
complete.wait(50)
print(json.dumps(heard), flush=True)
listener.stop()
listener.wait()
