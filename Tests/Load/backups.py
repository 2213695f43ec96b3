"""Backups of a database of about a gigabyte, beside pgBackRest where it is installed, else beside plain tools; all in one run."""
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests"))
from guarding import BINARY, Guardian  # noqa: E402
from running import Everline  # noqa: E402

TOOLS = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
SEGMENTS = 64


def seconds(body):
    begun = time.monotonic()
    body()
    return time.monotonic() - begun


class Peer:
    """pgBackRest 2 on the same cluster, as PostgreSQL's user: zstd, two processes."""

    def __init__(self, guardian):
        everline = guardian.everline
        self.data = pathlib.Path(os.path.realpath(everline.home / "postgres"))
        self.owner = self.data.stat().st_uid, self.data.stat().st_gid
        self.folder = guardian.place("pgbackrest")
        self.folder.mkdir()
        self.configuration = self.folder / "pgbackrest.conf"
        self.configuration.write_text(
            f"[global]\nrepo1-path={self.folder}/repo\nlog-path={self.folder}\nlock-path={self.folder}\nspool-path={self.folder}\nprocess-max=2\n"
            f"compress-type=zst\ncompress-level=3\nstart-fast=y\nlog-level-console=error\nlog-level-file=off\n"
            f"[main]\npg1-path={self.data}\npg1-port={everline.port(7432)}\npg1-socket-path={os.path.realpath(everline.home / 'run')}\npg1-user=postgres\n")
        for path in (self.folder, self.configuration):
            os.chown(path, *self.owner)
        self.environment = {"PATH": os.environ["PATH"], "PGPASSWORD": (everline.home / "secrets/postgres-postgres").read_text().strip()}

    def run(self, *arguments):
        def become():
            if os.geteuid() == 0:
                os.setgroups([]), os.setgid(self.owner[1]), os.setuid(self.owner[0])
        done = subprocess.run(["pgbackrest", f"--config={self.configuration}", "--stanza=main", *arguments], preexec_fn=become, cwd="/",
                              env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)


class Behind(threading.Thread):
    """How many whole segments wait for the archiver, looked at often."""

    def __init__(self, everline):
        super().__init__(daemon=True)
        self.folder = pathlib.Path(os.path.realpath(everline.home / "postgres")) / "pg_wal/archive_status"
        self.seen = 0
        self.done = threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(0.1):
            self.seen = max(self.seen, len(list(self.folder.glob("0*.ready"))))

    def most(self):
        self.done.set()
        self.join()
        return self.seen


def fill(everline, million):
    # Some 330 bytes a row with its indexes.
    million = million * 0.6
    li = everline.user("bench")
    li.result("room.create", room="old")
    [[room, user]] = everline.sql("SELECT r.id, u.id FROM everline.rooms r, everline.users u WHERE r.name = 'old' AND u.username = 'bench'")
    count = int(million * 1_000_000)
    for first in range(1, count + 1, 1_000_000):
        everline.sql(
            f"INSERT INTO everline.messages (room_id, seq, sender_id, client_id, body, sent_at) SELECT {room}, n, {user}, gen_random_uuid(), "
            f"md5(n::text) || md5((n / 7)::text) || repeat('x', 36), timestamptz '2020-01-01' + n * interval '1 s' "
            f"FROM generate_series({first}, {min(first + 999_999, count)}) n")
    everline.sql(f"UPDATE everline.room_counters SET last_seq = {count} WHERE room_id = {room}")
    everline.sql("VACUUM ANALYZE everline.messages")
    everline.sql("CHECKPOINT")


def segments(guardian, tag):
    """Copies of one real segment under many names would be refused by their headers; so as many as there are are made, by writing."""
    everline = guardian.everline
    folder = guardian.place(f"segments-{tag}")
    everline.sql("CREATE TABLE IF NOT EXISTS public.filler (t text)")
    source = pathlib.Path(os.path.realpath(everline.home / "postgres")) / "pg_wal"
    folder.mkdir()
    taken = set()
    while len(taken) < SEGMENTS:
        everline.sql("INSERT INTO public.filler SELECT md5(random()::text) || repeat('y', 60) FROM generate_series(1, 300000)")
        [[current]] = everline.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
        for path in sorted(source.glob("0*")):
            if len(path.name) == 24 and path.name < current and path.name not in taken and len(taken) < SEGMENTS:
                shutil.copy(path, folder / path.name)
                taken.add(path.name)
    everline.sql("DROP TABLE public.filler")
    return [folder / name for name in sorted(taken)]


def measure(row, million):
    everline = Everline()
    guardian = Guardian(everline)
    figures = {}
    try:
        everline.start()
        behind = Behind(everline)
        fill(everline, million)
        figures["most segments behind"] = behind.most()
        row("PostgreSQL's archiver at full write load", f"{behind.most()} segments behind at most", "3", "", behind.most() <= 3)
        size = int(everline.sql("SELECT pg_database_size('everline')")[0][0])
        name = f"{size / 1e9:.2f} GB database"
        conninfo = f"host=127.0.0.1 port={everline.port(7432)} user=replicator sslmode=verify-full sslrootcert={everline.ca}"
        peer = Peer(guardian) if shutil.which("pgbackrest") else None
        # So that neither of the two has the indexer beside it.
        everline.until_indexed(600)
        guardian.switch()
        # As every ten minutes; the first one reads everything, later ones only what is new.
        guardian.json("ledger")
        figures["base"] = ours = seconds(lambda: guardian.json("backup", "base"))
        if peer:
            everline.sql(f"ALTER SYSTEM SET archive_command = 'pgbackrest --config={peer.configuration} --stanza=main archive-push \"%p\"'")
            peer.run("stanza-create")
            everline.sql("SELECT pg_reload_conf()")
            theirs, beside = seconds(lambda: peer.run("backup", "--type=full")), "pgBackRest"
        else:
            plain = guardian.place("plain.tar.zst")
            theirs = seconds(lambda: subprocess.run(
                ["bash", "-o", "pipefail", "-c", f"pg_basebackup -Ft -X fetch -D - -d '{conninfo}' | zstd -q -3 -T2 -o {plain}"], check=True,
                env=os.environ | {"PGPASSWORD": (everline.home / "secrets/postgres-replicator").read_text().strip()}))
            beside = "pg_basebackup -Ft | zstd"
            plain.unlink()
        figures["base beside"] = theirs
        row(f"base backup, {name}: copied, verified, encrypted, read back", f"{ours:.1f} s = {ours / theirs:.2f} x", "1.2 x", f"{theirs:.1f} s by {beside}",
            ours <= 1.2 * theirs)

        def restored():
            with guardian.start(guardian.json("restore", "--to", guardian.place("restored"), "--latest")) as server:
                server.sql("SELECT 1")
        figures["restore"] = ours = seconds(restored)
        if peer:
            place = guardian.place("peer")
            place.mkdir(0o700)
            os.chown(place, *peer.owner)

            def theirs_restored():
                peer.run("restore", f"--pg1-path={place}", "--archive-mode=off", "--type=immediate", "--target-action=promote")
                result = {"directory": str(place), "startCommand": guardian.json(
                    "restore", "--to", guardian.place("unused"), "--plan")["startCommand"].replace(str(guardian.place("unused")), str(place)).replace(
                        "archive_mode=off", "archive_mode=off -p 9999")}
                with guardian.start(result) as server:
                    server.sql("SELECT 1")
            figures["restore beside"] = theirs = seconds(theirs_restored)
            row(f"restore to running, {name}", f"{ours:.1f} s = {ours / theirs:.2f} x", "1.2 x", f"{theirs:.1f} s by pgBackRest", ours <= 1.2 * theirs)
            everline.sql("ALTER SYSTEM RESET archive_command")
            everline.sql("SELECT pg_reload_conf()")
        else:
            row(f"restore to running, {name}", f"{ours:.1f} s", "1.2 x pgBackRest's", "which is not installed")

        files = segments(guardian, "ours")
        other = guardian.place("other-repository")
        other.mkdir(0o700)
        key = guardian.place("other-key")
        guardian.run("repository", "create", "--repository-paths", other, "--repository-key-file", key, check=0)
        took = seconds(lambda: [guardian.run("wal", "push", path, "--repository-paths", other, "--repository-key-file", key, check=0) for path in files])
        figures["pushes per second"] = rate = SEGMENTS / took
        if peer:
            for path in [files[0].parent, *files]:
                os.chown(path, *peer.owner)
            took = seconds(lambda: [peer.run("archive-push", str(path)) for path in files])
            figures["pushes per second beside"] = theirs = SEGMENTS / took
            row(f"wal push of {SEGMENTS} segments", f"{rate:.1f}/s", "pgBackRest's rate", f"{theirs:.1f}/s by pgBackRest", rate >= theirs)
        else:
            row(f"wal push of {SEGMENTS} segments", f"{rate:.1f}/s", "11/s", "pgBackRest is not installed", rate >= 11)

        # Without pgBackRest's turn at the WAL in between.
        guardian.json("backup", "base")
        drill = {}
        figures["drill"] = took = seconds(lambda: drill.update(guardian.json("drill")))
        row(f"drill, {name}", f"{took:.0f} s; RTO {drill['rtoSeconds']:.1f} s, {drill['messages']:,} messages compared", "180 s", "", took < 180)
    finally:
        guardian.clean()
        everline.remove()
    return figures
