"""Tests of what needs no Horizon around it. The pages are tested in a browser, by test/functional/openstack."""
import django
from django.conf import settings

if not settings.configured:
    settings.configure(USE_TZ=True, TIME_ZONE='UTC', USE_I18N=False)
    django.setup()
