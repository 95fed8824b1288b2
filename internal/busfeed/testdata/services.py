"""Notifies as services of OpenStack do, by their own code, and ends.

Its argument is a JSON object: transport_url, exchange, durable, topic, driver (messaging or messagingv2)
and project. What cannot be sent because Keystone is not installed is left out, and said: the last line is
the number of notifications.
"""
import json
import sys

from oslo_config import cfg
from oslo_context import context
import oslo_messaging
from oslo_messaging import serializer

told = json.loads(sys.argv[1])
sent = 0

conf = cfg.ConfigOpts()
conf([])
oslo_messaging.set_transport_defaults(told["exchange"])
transport = oslo_messaging.get_notification_transport(conf, url=told["transport_url"])
conf.set_override("amqp_durable_queues", told["durable"], group="oslo_messaging_rabbit")


class ByDict(serializer.NoOpSerializer):
    """What Nova's and the others' RequestContextSerializer does."""

    def serialize_context(self, ctxt):
        return ctxt.to_dict() if hasattr(ctxt, "to_dict") else ctxt


administrator = context.RequestContext(user_id="a", project_id="admin", is_admin=True, roles=["admin"])
nova = oslo_messaging.Notifier(
    transport, "compute.host-1", driver=told["driver"], topics=[told["topic"]], serializer=ByDict())
nova.info(administrator, "compute.instance.delete.end", {
    "tenant_id": told["project"], "instance_id": "i-1", "display_name": "caf\u00e9 \U0001f600 \"x\" \\",
    "host": "host-1",
})
nova.error(administrator, "compute.instance.create.error", {"tenant_id": told["project"], "instance_id": "i-2"})
nova.sample(administrator, "compute.metrics.update", {"tenant_id": told["project"]})
sent += 2

try:
    from keystone import notifications
    import keystone.conf
    from pycadf import cadftaxonomy, host, resource
except ImportError:
    pass
else:
    keystone.conf.configure()
    keystone.conf.CONF([], project="keystone", default_config_files=[])
    notifications._notifier = oslo_messaging.Notifier(
        transport, "identity.host-2", driver=told["driver"], topics=[told["topic"]])

    class Catalogue:
        class catalog_api:
            @staticmethod
            def list_services():
                return []

    notifications._CATALOG_HELPER_OBJ = Catalogue
    notifications._add_username_to_initiator = lambda initiator: initiator  # it would ask the database
    for form in ("basic", "cadf"):
        keystone.conf.CONF.set_override("notification_format", form)
        initiator = resource.Resource(
            typeURI=cadftaxonomy.ACCOUNT_USER, id="u", host=host.Host(address="192.0.2.7", agent="curl"))
        initiator.request_id = "req-1"
        notifications.Audit.updated("project", told["project"], initiator)
        notifications.Audit.created("user", "somebody", initiator)
    sent += 2

transport.cleanup()
print(sent, flush=True)
