from django.utils.translation import gettext_lazy as _
import horizon

from faas_dashboard import api


class Webhooks(horizon.Panel):
    name = _('Webhooks')
    slug = 'faas_webhooks'
    urls = 'faas_dashboard.content.webhooks.urls'
    permissions = ('openstack.services.' + api.SERVICE,)
    policy_rules = ((api.SERVICE, 'webhook:get_all'),)
