"""Commands of the openstack client for Functions as a Service, beside those of python-qinlingclient."""
