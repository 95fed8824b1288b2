"""What a function gets besides its input."""
import os
import threading

OS_SESSION = "os_session"


class NoSessionError(KeyError):
    """There is no session with OpenStack. The message says why."""

    def __str__(self):
        return self.args[0]


class Context(dict):
    """A dict that has an os_session besides, made when it is first asked for.

    The session is none of the dict's items, and neither is the token that it holds: what prints or
    returns the context does not give them away.
    """

    def __init__(self, given, cloud):
        super().__init__((key, value) for key, value in given.items() if key != "os")
        self._cloud = cloud

    def __missing__(self, key):
        if key == OS_SESSION:
            return self._cloud.session()
        raise KeyError(key)

    def __bool__(self):
        return len(self) > 0 or self._cloud.given is not None

    def __contains__(self, key):
        return super().__contains__(key) or key == OS_SESSION and self._cloud.given is not None

    def get(self, key, default=None):
        return self[key] if key in self else default


class Cloud:
    """OpenStack, as the project's functions may use it.

    It is the process's: functions keep sessions from one call to the next.
    """

    def __init__(self, wire):
        self.given = None  # what the agent said last of OpenStack; None when the function acts for nobody
        self._session = None
        self._wire = wire
        self._pid = os.getpid()
        self._calling = False  # a call runs: nobody else reads from the wire
        self._lock = threading.Lock()

    def begin(self, given):
        """Takes the context that came with a call and returns the function's."""
        given = given or {}
        self.given = given.get("os")
        with self._lock:
            self._calling = True
        return Context(given, self)

    def end(self):
        """Ends the call: the wire is the slot's again."""
        with self._lock:
            self._calling = False

    def update(self, given):
        """Takes what the agent sends while a call runs for longer than its token lives."""
        self.given = given.get("os")

    def current(self):
        """Returns what is to be used now.

        It may be asked for by any thread of the function's, and by processes that it forked.
        """
        if os.getpid() == self._pid:
            with self._lock:
                while self._calling:
                    message = self._wire.at_hand()
                    if message is None:
                        break
                    if message["type"] == "credentials":
                        self.update(message["context"])
        return self.given

    def session(self):
        if self.given is None:
            raise NoSessionError(
                "This function acts for nobody in OpenStack, so it has no os_session: it was made with no roles, "
                "by an administrator, with a delegated token, or in a deployment that does not use Keystone."
            )
        if self._session is None:
            try:
                from . import openstack
            except ImportError as error:
                raise NoSessionError("The runtime has no keystoneauth1, which os_session needs: %s" % error) from None
            self._session = openstack.session(self)
        return self._session
