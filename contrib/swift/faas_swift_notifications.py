"""ceilometermiddleware for Swift's proxy, which goes on serving while RabbitMQ is away.

The middleware's thread waits for RabbitMQ in kombu, by time.sleep. Swift has eventlet take the place
of sockets and threads but not of time, so each such wait stops the whole proxy for a second or more.
Here kombu waits as eventlet does. In proxy-server.conf:

    [filter:ceilometer]
    paste.filter_factory = faas_swift_notifications:filter_factory
"""

import eventlet
from ceilometermiddleware.swift import filter_factory
from kombu.utils import functional

functional.sleep = eventlet.sleep

__all__ = ['filter_factory']
