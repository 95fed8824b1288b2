"""What is tried again, seen by a server that is busy at first, as no real one can be told to be."""

import http.server
import json
import threading
import unittest

from keystoneauth1 import noauth, session

import faasclient


class Busy(http.server.BaseHTTPRequestHandler):
    """Answers the first request with 503, as a proxy would, and all others with an empty list."""

    def answer(self):
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        self.server.requests.append(self.command)
        first = len(self.server.requests) == 1
        body = b'no upstream' if first else json.dumps({'jobs': []}).encode()
        self.send_response(503 if first else 200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


class Retries(unittest.TestCase):
    def setUp(self):
        self.server = http.server.HTTPServer(('127.0.0.1', 0), Busy)
        self.server.requests = []
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)
        self.client = faasclient.Client(
            session.Session(auth=noauth.NoAuth()),
            endpoint_override=f'http://127.0.0.1:{self.server.server_port}')

    def test_what_has_no_effect_is_tried_again(self):
        self.assertEqual(list(self.client.jobs.list()), [])
        self.assertEqual(self.server.requests, ['GET', 'GET'])

    def test_what_may_have_an_effect_is_not(self):
        with self.assertRaises(faasclient.Unavailable) as refusal:
            self.client.jobs.create(name='x')
        self.assertEqual(self.server.requests, ['POST'])
        self.assertEqual(refusal.exception.status, 503)
        self.assertIn('no upstream', refusal.exception.message)


if __name__ == '__main__':
    unittest.main()
