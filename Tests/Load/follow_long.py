"""Whether the watch's memory stays flat: `follow_long.py [RECORDS]` writes so many audited statements (10 million if not said) into log files as a server
would, rotated, and has a watch follow them from the folder; it prints the watch's memory each million. About 3.5 GB of disk for 10 million; it is not part of
make test."""
import pathlib
import re
import signal
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests"))
from running import Everline  # noqa: E402
from watching import Watch  # noqa: E402

A_FILE = 200_000
SESSIONS = 500


def lines(first, count):
    """Statements of many sessions, as pgAudit records them."""
    made = []
    for number in range(first, first + count):
        session, serial = number % SESSIONS, number // SESSIONS + 1
        made.append(
            f'{{"timestamp":"2026-11-25 {number // 3_600_000 % 24:02d}:{number // 60_000 % 60:02d}:{number // 1_000 % 60:02d}.{number % 1_000:03d} UTC",'
            f'"user":"everline_history","dbname":"everline","pid":{10_000 + session},"remote_host":"127.0.0.1","remote_port":40000,'
            f'"session_id":"6b000000.{10_000 + session:x}","line_num":{serial},"ps":"SELECT","session_start":"2026-11-25 00:00:00 UTC","vxid":"7/{serial}",'
            f'"txid":0,"error_severity":"LOG","message":"AUDIT: SESSION,{serial},1,READ,SELECT,,,SELECT note FROM everline.audited WHERE id = {number},<not logged>",'
            '"application_name":"pgbench","backend_type":"client backend","query_id":0}\n')
    return "".join(made)


def resident(process):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process}/status").read_text())[1]) / 1024


def main(records):
    everline = Everline()
    everline.extra = {"EVERLINE_WATCH_CONNINFO": ""}
    try:
        everline.start()
        everline.extra = {}
        with tempfile.TemporaryDirectory(prefix="everline-log-", dir=everline.folder) as folder:
            folder = pathlib.Path(folder)
            (folder / "000000.json").write_text("")
            watch = Watch(everline, "--set", f"watch.logFolder={folder}")
            begun = time.monotonic()
            busy = None
            for number in range(0, records, A_FILE):
                file = folder / f"{number // A_FILE + 1:06d}.json"
                file.write_text(lines(number, A_FILE))
                # It is read to its end when the watch waits again: its processor time stands still.
                while True:
                    fields = pathlib.Path(f"/proc/{watch.process.pid}/stat").read_text().rpartition(")")[2].split()
                    now = int(fields[11]) + int(fields[12])
                    time.sleep(0.5)
                    if busy is not None and now - busy <= 3:
                        break
                    busy = now
                if (number + A_FILE) % 1_000_000 == 0 or number + A_FILE >= records:
                    print(f"{number + A_FILE:>12,} records  {resident(watch.process.pid):7.1f} MiB  {busy / 100:7.1f} s of processor  "
                          f"{time.monotonic() - begun:6.0f} s", flush=True)
            watch.stop(signal.SIGTERM)
    finally:
        everline.remove()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
