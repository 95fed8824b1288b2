from django.utils.translation import gettext_lazy as _
import horizon

from faas_dashboard import api


class Executions(horizon.Panel):
    name = _('Executions')
    slug = 'faas_executions'
    urls = 'faas_dashboard.content.executions.urls'
    permissions = ('openstack.services.' + api.SERVICE,)
    policy_rules = ((api.SERVICE, 'execution:get_all'),)
