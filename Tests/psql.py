"""A session of PostgreSQL that stays open, driven through psql: to hold a lock in one while another waits for it."""
import os
import queue
import subprocess
import threading
import time


class Psql:
    END = "the end of this answer"

    def __init__(self, everline, role="everline_gateway"):
        self.everline = everline
        self.process = subprocess.Popen(
            ["psql", "-XAtqF\t", "-v", "VERBOSITY=sqlstate",
             f"host=127.0.0.1 port={everline.port(7432)} dbname=everline user={role} sslmode=verify-full sslrootcert={everline.ca}"],
            env=os.environ | {"PGPASSWORD": (everline.home / f"secrets/postgres-{role}").read_text().strip()},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=lambda: [self.lines.put(line.rstrip("\n")) for line in self.process.stdout], daemon=True).start()
        [[self.pid]] = self.run("SELECT pg_backend_pid()")
        # A test decides how long it waits.
        for limit in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            self.run(f"SET {limit} = 0")

    def begin(self, statement):
        """Sends a statement, whose answer `finish` waits for."""
        self.process.stdin.write(f"{statement};\n\\echo {self.END}\n")
        self.process.stdin.flush()

    def finish(self):
        """Rows as lists of text; an error is a row of one text, `ERROR:  SQLSTATE`."""
        found = []
        while (line := self.lines.get(timeout=120)) != self.END:
            found.append(line.split("\t"))
        return found

    def run(self, statement):
        self.begin(statement)
        return self.finish()

    def until_it_waits(self):
        """Until this session waits for a lock of another."""
        end = time.monotonic() + 120
        while self.everline.sql(f"SELECT wait_event_type FROM pg_stat_activity WHERE pid = {self.pid}") != [["Lock"]]:
            assert time.monotonic() < end
            time.sleep(0.02)

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)
