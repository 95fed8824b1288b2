"""Ceilometer's notification agent, without the processes that it forks, which outlive a test that is killed.

Its argument is its configuration file. It ends when its input does.
"""
import os
import sys

from ceilometer import notification
from ceilometer import service

notification.NotificationService(0, service.prepare_service(['agent', '--config-file', sys.argv[1]])).run()
print('listens', flush=True)
sys.stdin.read()
os._exit(0)
