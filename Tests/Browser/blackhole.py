import contextlib
import selectors
import socket
import threading


class Blackhole:
    """A way to a server that can be cut without a word: what is open stays open and carries nothing any more, as after sleep or behind a router that forgot it."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.dead = set()
        self.pairs = {}
        self.stopped = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def swallow(self):
        """All that is open now; what is opened later goes through."""
        self.dead |= set(self.pairs)

    def close(self):
        self.stopped = True
        self.thread.join()

    def _run(self):
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
            stack.enter_context(self.listener)
            selector.register(self.listener, selectors.EVENT_READ)
            while not self.stopped:
                for key, _ in selector.select(0.1):
                    if key.fileobj is self.listener:
                        near, _ = self.listener.accept()
                        far = socket.create_connection(("127.0.0.1", self.target))
                        for one, other in ((near, far), (far, near)):
                            stack.enter_context(one)
                            self.pairs[one] = other
                            selector.register(one, selectors.EVENT_READ)
                    else:
                        self._carry(key.fileobj, selector)

    def _carry(self, one, selector):
        if one in self.dead:
            return selector.unregister(one)
        other = self.pairs[one]
        try:
            data = one.recv(65_536)
            if data:
                return other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            with contextlib.suppress(KeyError, OSError):
                selector.unregister(end)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
