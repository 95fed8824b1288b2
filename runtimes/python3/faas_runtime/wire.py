"""Messages to and from the agent: one JSON object a line, over a stream socket."""
import json
import socket

_encode = json.JSONEncoder(separators=(",", ":")).encode


def connect(path):
    """Opens a connection to the agent; a path that begins with @ is an abstract one. No child process inherits it."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect("\0" + path[1:] if path.startswith("@") else path)
    return Wire(sock)


class Wire:
    """One connection, for one thread."""

    def __init__(self, sock):
        self.sock = sock
        self._rest = b""  # what was received of the next line

    def send(self, **message):
        """Sends one message made of its fields."""
        self.sock.sendall(_encode(message).encode() + b"\n")

    def send_line(self, line):
        """Sends a message that is encoded already."""
        self.sock.sendall(line)

    def receive(self):
        """Waits for the next message; None when the agent has closed the connection."""
        chunks = [self._rest]
        while b"\n" not in chunks[-1]:
            try:
                chunk = self.sock.recv(65536)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                return None
            chunks.append(chunk)
        line, _, self._rest = b"".join(chunks).partition(b"\n")
        return json.loads(line)

    def at_hand(self):
        """Returns the next message that has come already; None when none has. Nobody may wait in receive."""
        try:
            self._rest += self.sock.recv(65536, socket.MSG_DONTWAIT)
        except OSError:
            pass  # nothing has come, or the connection is gone: whoever waits next hears of it
        if not self.pending():
            return None
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    def pending(self):
        """Reports whether receive has a message without waiting."""
        return b"\n" in self._rest

    def close(self):
        self.sock.close()
