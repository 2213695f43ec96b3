"""What the field's own tools find: testssl.sh and sslyze of TLS, slowhttptest of patience."""
import json
import os
import re
import subprocess
import sys

from stack import ROOT


def explained():
    """What RUNBOOK.md says why it stands: the names in the first column of its table of findings."""
    table = (ROOT / "compose/RUNBOOK.md").read_text().split("## What scanners say")[1].split("\n## ")[0]
    return {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`([^`]+)`", row)}


def testssl(address, port, ca, folder, starttls=None):
    """Findings above information, as name, severity and text, of one port, whose certificate must be good for localhost."""
    out = folder / f"testssl-{address}-{port}.json"
    # Where a certificate is asked for, a server may have hung up before its answer is seen; then it is asked again.
    for _ in range(3):
        out.unlink(missing_ok=True)
        subprocess.run(
            ["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--openssl-timeout", "10", "--ip", address, "--add-ca", ca, "--jsonfile", out,
             *(["--starttls", starttls] if starttls else []), f"localhost:{port}"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=900)
        found = json.loads(out.read_text())
        said = {one["id"]: one["finding"] for one in found}
        if "TLS1_3" in said:
            break
    # It looked, and came to its end.
    assert said["TLS1_3"].startswith("offered") and said["TLS1_2"].startswith("not offered") and said["scanTime"].isdigit(), found
    return [(one["id"].split(" ")[0], one["severity"], one["finding"]) for one in found if one["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")]


def sslyze(address, port, ca, folder, starttls=None):
    """What does not agree with Mozilla's "intermediate" configuration, as name and text."""
    done = subprocess.run(
        [sys.executable, "-m", "sslyze", "--mozilla_config=intermediate", f"--certinfo_ca_file={ca}", *([f"--starttls={starttls}"] if starttls else []),
         f"localhost:{port}{{{address}}}"], cwd=folder, capture_output=True, text=True, timeout=600,
        env=os.environ | {"PYTHONPATH": str(ROOT / ".build/scanners")})
    verdict = done.stdout.split("COMPLIANCE AGAINST TLS CONFIGURATION", 1)
    assert len(verdict) == 2 and ("OK - Compliant" in verdict[1] or "FAILED - Not compliant" in verdict[1]), done.stdout[-3000:] + done.stderr
    return re.findall(r"^ +\* (\w+): (.*)$", verdict[1], re.M)


class Slow:
    """A thousand slow connections to a URL; `how` are slowhttptest's options."""

    def __init__(self, url, folder, *how):
        self.out = folder / "slow"
        self.process = subprocess.Popen(
            ["slowhttptest", "-c", "1000", "-r", "250", "-l", "120", "-p", "5", "-g", "-o", self.out, "-u", url, *how], cwd=folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @property
    def seconds(self):
        """What it wrote down of each second up to now: how many were closed, how many are connected, and whether a plain request was answered."""
        file = self.out.with_suffix(".csv")
        rows = [row.split(",") for row in file.read_text().splitlines()[1:] if row.count(",") == 4] if file.exists() else []
        return [(int(closed), int(connected), int(available) > 0) for _, closed, _, connected, available in rows if available]

    @property
    def is_all_there(self):
        """But for some that it loses itself."""
        return any(closed + connected > 950 for closed, connected, _ in self.seconds) or self.process.poll() is not None

    def end(self):
        self.process.terminate()
        self.process.wait(30)
        return self.seconds
