"""The alert rules by Prometheus' own tool, and a real Prometheus that scrapes a real Everline: every expression of rules and dashboard finds what it
names."""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

import pytest

from running import free_ports

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
OBSERVATION = ROOT / "compose/observation"
PORTS = {"auth": 9101, "message-gateway": 9102, "history": 9103, "db-guardian": 9104}


def promtool(*arguments):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_well_formed_and_each_alert_comes_when_it_should():
    promtool("check", "rules", OBSERVATION / "rules.yml")
    promtool("check", "config", "--syntax-only", OBSERVATION / "prometheus.yml")
    promtool("test", "rules", ROOT / "Tests/Observation/rules.test.yml")


@pytest.fixture(scope="module")
def prometheus(everline):
    """Scrapes each of the four services once a second."""
    [port] = free_ports(1, everline)
    folder = tempfile.mkdtemp(prefix="everline-prometheus-")
    jobs = "".join(
        f"  - job_name: {job}\n    static_configs: [{{targets: ['127.0.0.1:{everline.port(base)}']}}]\n" for job, base in PORTS.items())
    shutil.copy(OBSERVATION / "rules.yml", folder)
    pathlib.Path(folder, "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\nscrape_configs:\n{jobs}")
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}",
         "--log.level=error"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(path, **query):
        text = f"http://127.0.0.1:{port}/api/v1/{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        with urllib.request.urlopen(text, timeout=30) as answer:
            return json.load(answer)["data"]

    try:
        end = time.monotonic() + 120
        while True:
            try:
                targets = ask("targets")["activeTargets"]
                if len(targets) == 4 and all(one["health"] == "up" for one in targets):
                    break
            except OSError:
                pass
            assert time.monotonic() < end, "not all were scraped"
            time.sleep(0.2)
        yield ask
    finally:
        process.terminate()
        process.wait(120)
        shutil.rmtree(folder, ignore_errors=True)


def metrics_named(expression):
    return set(re.findall(r"\b(?:everline|process)_[a-z_]+\b", expression))


def test_prometheus_scrapes_every_service_and_runs_every_rule(everline, prometheus):
    line = everline.user("杜牧")
    line.result("room.create", room="阿房宮賦")
    line.send("阿房宮賦", "六王畢，四海一")
    end = time.monotonic() + 120
    query = 'everline_messages_accepted_total{job="message-gateway"}'
    while not (found := prometheus("query", query=query)["result"]) or float(found[0]["value"][1]) < 1:
        assert time.monotonic() < end
        time.sleep(0.2)
    groups = prometheus("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 15
    while any(rule["health"] == "unknown" for group in prometheus("rules")["groups"] for rule in group["rules"]):
        assert time.monotonic() < end
        time.sleep(0.2)
    assert [(rule["name"], rule.get("lastError")) for group in prometheus("rules")["groups"] for rule in group["rules"] if rule["health"] != "ok"] == []


def test_what_rules_and_dashboard_name_is_what_the_services_show(everline, prometheus):
    """Every metric's help is in one list, which another test holds against the pages; here every name that is used must be in it."""
    source = (ROOT / "Shared/Service/Observation/MetricHelp.swift").read_text()
    known = set(re.findall(r'^\s+"((?:everline|process)_[a-z_]+)":', source, re.M))
    known |= {f"{name}_{part}" for name in known for part in ("bucket", "sum", "count")}
    board = json.loads((OBSERVATION / "dashboards/everline.json").read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(expressions) > 30
    for expression in expressions:
        assert prometheus("query", query=expression)["resultType"] in ("vector", "scalar")
    for expression in [*expressions, (OBSERVATION / "rules.yml").read_text()]:
        assert metrics_named(expression) <= known, metrics_named(expression) - known
