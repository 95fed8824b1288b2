from django.utils.translation import gettext_lazy as _
import horizon

from faas_dashboard import api


class Jobs(horizon.Panel):
    name = _('Jobs')
    slug = 'faas_jobs'
    urls = 'faas_dashboard.content.jobs.urls'
    permissions = ('openstack.services.' + api.SERVICE,)
    policy_rules = ((api.SERVICE, 'job:get_all'),)
