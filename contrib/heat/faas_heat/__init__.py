"""Functions as a Service in Heat: OS::FunctionEngine::Runtime, Function, Version, Alias, Webhook, Trigger and Job.

Heat finds the resources when this folder is among its plugin_dirs, and the client by the entry
points of the distribution. Heat loads each module here as one of its own, so they name each other
in full.
"""
