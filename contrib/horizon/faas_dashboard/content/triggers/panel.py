from django.utils.translation import gettext_lazy as _
import horizon

from faas_dashboard import api


class Triggers(horizon.Panel):
    name = _('Triggers')
    slug = 'faas_triggers'
    urls = 'faas_dashboard.content.triggers.urls'
    permissions = ('openstack.services.' + api.SERVICE,)
    policy_rules = ((api.SERVICE, 'trigger:get_all'),)
