from django.utils.translation import gettext_lazy as _
import horizon

from faas_dashboard import api


class Quotas(horizon.Panel):
    name = _('Quotas')
    slug = 'faas_quotas'
    urls = 'faas_dashboard.content.quotas.urls'
    permissions = ('openstack.services.' + api.SERVICE,)
    policy_rules = ((api.SERVICE, 'quota:update'),)
