"""The client: a session, and collections of what the service has."""

from typing import Any, Dict, Optional

from faasclient import resources
from faasclient.transport import Transport


class Client:
    """Speaks to the service with a keystoneauth1 session.

    microversion is what is asked for; where the server has less, the greatest that it has. It is
    then in self.microversion.
    """

    def __init__(self, session, *, region_name: Optional[str] = None, interface: Optional[str] = None,
                 endpoint_override: Optional[str] = None, service_type: str = 'function-engine',
                 microversion: str = '1.15'):
        self._transport = transport = Transport(
            session, microversion, service_type, region_name=region_name, interface=interface,
            endpoint_override=endpoint_override)
        self.runtimes = resources.Runtimes(transport)
        self.functions = resources.Functions(transport)
        self.versions = resources.Versions(transport)
        self.aliases = resources.Aliases(transport)
        self.executions = resources.Executions(transport)
        self.webhooks = resources.Webhooks(transport)
        self.jobs = resources.Jobs(transport)
        self.triggers = resources.Triggers(transport)
        self.workers = resources.Workers(transport)
        self.quotas = resources.Quotas(transport)

    @property
    def microversion(self) -> str:
        return self._transport.microversion

    def limits(self, project_id: Optional[str] = None) -> Dict[str, Dict[str, Any]]:
        """Returns what a project may have and has: {'functions': {'limit': 100, 'used': 3}, ...}."""
        params = {'project_id': project_id} if project_id else {}
        return self._transport.json('GET', '/v1/limits', params=params)['limits']

    def statistics(self, **filters: Any) -> Dict[str, Any]:
        """Returns calls, errors, times and memory over time.

        filters are start and end (or 'from' by **{'from': ...}, and 'to'), step, function_id,
        project_id and all_projects, as the API has them.
        """
        names = {'start': 'from', 'end': 'to'}
        params = {names.get(name, name): value for name, value in filters.items() if value is not None}
        return self._transport.json('GET', '/v1/statistics', params=resources.query(params))['statistics']
