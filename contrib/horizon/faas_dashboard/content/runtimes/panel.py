from django.utils.translation import gettext_lazy as _
import horizon

from faas_dashboard import api


class Runtimes(horizon.Panel):
    name = _('Runtimes')
    slug = 'faas_runtimes'
    urls = 'faas_dashboard.content.runtimes.urls'
    permissions = ('openstack.services.' + api.SERVICE,)
    policy_rules = ((api.SERVICE, 'runtime:create'),)
