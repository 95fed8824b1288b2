from django.utils.translation import gettext_lazy as _
import horizon

from faas_dashboard import api


class Functions(horizon.Panel):
    name = _('Functions')
    slug = 'faas_functions'
    urls = 'faas_dashboard.content.functions.urls'
    permissions = ('openstack.services.' + api.SERVICE,)
    policy_rules = ((api.SERVICE, 'function:get_all'),)
