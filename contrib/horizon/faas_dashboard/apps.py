"""What Django does with this application when it starts."""
import pathlib

from django import apps
from django.conf import settings


class FaasDashboard(apps.AppConfig):
    name = 'faas_dashboard'

    def ready(self) -> None:
        """Has Horizon know our rules of policy, unless the operator has named files of their own.

        Horizon joins these names with its own folder of policies; an absolute path stays as it is.
        """
        from faas_dashboard import api  # it imports models, which must not be before all applications are there
        here = pathlib.Path(__file__).parent / 'conf'
        settings.DEFAULT_POLICY_FILES.setdefault(api.SERVICE, str(here / 'default_policies.yaml'))
        settings.POLICY_FILES.setdefault(api.SERVICE, str(here / 'policy.yaml'))
