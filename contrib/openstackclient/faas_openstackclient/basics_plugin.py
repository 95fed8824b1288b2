"""The commands of python-qinlingclient, for where that is not installed.

The openstack client loads the commands of a plugin if the plugin has a version. This one has none
where python-qinlingclient is there, whose commands have the same names.
"""

import importlib.util

API_NAME = 'faas_basics'
API_VERSION_OPTION = 'os_faas_basics_api_version'
DEFAULT_API_VERSION = '' if importlib.util.find_spec('qinlingclient') else '1'


def build_option_parser(parser):
    return parser
