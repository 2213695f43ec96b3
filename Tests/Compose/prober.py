"""One person who sends a line after the other, and how long each waited until it was acknowledged, whatever became of connections meanwhile."""
import threading
import time
import uuid


class Prober:
    def __init__(self, stack, name="等待者"):
        self.stack = stack
        line = stack.user(name)
        line.call("room.create", room="等")
        line.result("room.join", room="等")
        self.session = line.session
        self.waits, self.failures = [], []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(line,), daemon=True)
        self.thread.start()

    def run(self, line):
        while not self.stopping.is_set():
            key, begun = str(uuid.uuid4()), time.monotonic()
            while not self.stopping.is_set():
                try:
                    if line is None:
                        line = self.stack.line(timeout=5)
                        line.result("session.resume", session=self.session)
                    answer = line.call("message.send", room="等", clientId=key, body="還在嗎？")
                    if "result" in answer:
                        break
                    if not answer["error"]["data"]["retryable"]:
                        self.failures.append(answer)
                        break
                    time.sleep(0.05)
                except (OSError, ValueError, AssertionError):
                    line = None
                    time.sleep(0.05)
            self.waits.append(time.monotonic() - begun)
            time.sleep(0.02)

    def stop(self):
        """The longest wait, in seconds."""
        self.stopping.set()
        self.thread.join(30)
        assert not self.failures, self.failures[:3]
        return max(self.waits)
