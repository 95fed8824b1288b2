"""Gnocchi in one process: its API, and what its metricd does. Prints the address when it listens.

Its argument is its configuration file. It ends when its input does.
"""
import os
import sys
import threading
import time
from wsgiref import simple_server

from gnocchi import chef
from gnocchi import incoming
from gnocchi import indexer
from gnocchi import service
from gnocchi import storage
from gnocchi.cli import api
from gnocchi.cli import manage
from gnocchi.cli import metricd

conf = sys.argv[1]
sys.argv[1:] = ['--config-file', conf, '--sacks-number', '1', '--log-file', os.devnull]
manage.upgrade()
sys.argv[1:] = ['--config-file', conf]


class Quiet(simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


def work_off():
    """Adds what came to the sums, as metricd does, which forks processes that outlive a test that is killed."""
    options = service.prepare_service()
    coordinator = metricd.get_coordinator_and_start('test', options.coordination_url)
    came = incoming.get_driver(options)
    worker = chef.Chef(coordinator, came, indexer.get_driver(options), storage.get_driver(options))
    while True:
        for sack in came.iter_sacks():
            worker.process_new_measures_for_sack(sack, blocking=True)
        time.sleep(0.1)


server = simple_server.make_server('127.0.0.1', 0, api.wsgi(), handler_class=Quiet)
for served in (server.serve_forever, work_off):
    threading.Thread(target=served, daemon=True).start()
print(f'http://127.0.0.1:{server.server_port}', flush=True)
sys.stdin.read()
