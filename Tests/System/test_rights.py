"""Every method as every caller, against the tables of the documentation."""
import re
import uuid

import pytest

from client import RPC, Line
from psql import Psql
from running import PASSWORD, ROOT

DOCUMENT = ROOT / "Services/MessageGateway/Documentation/rights.md"


def tables():
    """By heading: {method: {caller: outcome}}."""
    found, heading, columns = {}, None, None
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("## "):
            heading, columns = line[3:], None
        elif line.startswith("|"):
            cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
            if columns is None:
                columns = cells
                found[heading] = {}
            elif not set(line) <= set("|- "):
                found[heading][cells[0]] = dict(zip(columns[1:], cells[1:]))
    return found


TABLES = tables()
PRIVATE, PUBLIC, ACCOUNTS, SERVICES = "In a private room", "In a public room", "Accounts, and what needs no room", "Between services"
# Asked so that nothing happens: behind the gate there is another error.
HARMLESS = {
    "auth.changePassword": ({"current": "not the password", "new": "another long password"}, "auth.invalid_credentials"),
    "auth.secondFactor.begin": ({"password": "not the password"}, "auth.invalid_credentials"),
    "auth.secondFactor.confirm": ({"code": "000000"}, "invalid_params"),
    "auth.secondFactor.disable": ({"password": "not the password"}, "auth.invalid_credentials"),
    "auth.deleteAccount": ({"password": "not the password"}, "auth.invalid_credentials"),
    "admin.resetSecondFactor": ({"username": "VICTIM"}, "invalid_params"),
    "guardian.acknowledge": ({"id": "none of these", "note": "x"}, "finding.not_found"),
}
# They begin work that takes long: that admins may is seen in the tests of it.
BEGUN_ELSEWHERE = {"guardian.backup", "guardian.drill"}


def test_the_tables_have_every_method():
    names = set()
    for file in (ROOT / "Shared/Protocol/Methods").glob("*.swift"):
        names |= set(re.findall(r'static let name = "([a-zA-Z.]+)"', file.read_text()))
    documented = {method for table in TABLES.values() for method in table}
    assert names <= documented and TABLES[PRIVATE].keys() == TABLES[PUBLIC].keys(), names - documented
    assert all(method.startswith("internal.") for method in TABLES[SERVICES])
    # Methods of auth that are passed on are those that can be called.
    passed = {method.removeprefix("internal.") for method in TABLES[SERVICES]}
    assert {method for method in TABLES[ACCOUNTS] if method.startswith(("auth.", "admin."))} <= passed


class People:
    ROLES = ["stranger", "member", "muted", "banned", "moderator", "owner"]

    def __init__(self, everline):
        self.everline = everline
        self.mark = uuid.uuid4().hex[:8]
        self.lines = {role: everline.user(f"{role}{self.mark}") for role in self.ROLES + ["keeper", "victim", "guest", "silent", "outcast"]}
        admin = everline.line()
        admin.name = "admin"
        admin.session = admin.result("auth.login", username="admin", password=(everline.home / "admin-password").read_text().strip())["session"]
        self.lines["admin"] = admin
        changing = everline.line()
        name = changing.name = f"changing{self.mark}"
        admin.result("admin.createUser", username=name, password=PASSWORD, mustChange=True)
        changing.session = changing.result("auth.login", username=name, password=PASSWORD)["session"]
        self.lines["must change"] = changing
        self.ids = {
            who: everline.sql(f"SELECT id FROM everline.users WHERE username = '{line.name}'")[0][0]
            for who, line in self.lines.items()}
        self.psql = Psql(everline)

    def name(self, who):
        return self.lines[who].name

    def rpc(self, who):
        return RPC(self.everline.port(8443), self.everline.ca, self.lines[who].session if who in self.lines else None)


@pytest.fixture(scope="module")
def people(everline):
    made = People(everline)
    yield made
    made.psql.close()


def outcome(answer):
    return "ok" if "result" in answer else answer["error"]["data"]["name"]


class Place:
    """A room in which everybody is what they are called, made anew before each call."""

    def __init__(self, people, kind):
        self.people = people
        self.name = f"{kind} {uuid.uuid4()}"
        self.keeper = people.lines["keeper"]
        self.keeper.result("room.create", room=self.name, kind=kind)
        [[self.id]] = people.everline.sql(f"SELECT id FROM everline.rooms WHERE name = '{self.name}'")
        self.epoch = self.keeper.send(self.name, "一")["epoch"]

    def set(self, who, role):
        one, keeper = self.people.ids[who], self.people.ids["keeper"]
        statements = [f"everline.invite({self.id}, {keeper}, {one})", f"everline.set_role({self.id}, {keeper}, {one}, '{role if role in ('moderator', 'owner') else 'member'}')",
                      f"everline.mute_member({self.id}, {keeper}, {one}, {chr(39) + 'infinity' + chr(39) if role == 'muted' else 'NULL'})"]
        if role == "banned":
            statements.append(f"everline.ban_user({self.id}, {keeper}, {one}, 'infinity', NULL)")
        elif role == "stranger":
            statements.append(f"everline.remove_member({self.id}, {keeper}, {one}, false)")
        return ", ".join(f"(SELECT status FROM {statement})" for statement in statements)

    def arrange(self, caller):
        keeper = self.people.ids["keeper"]
        wanted = [(role, role) for role in [caller] if role in People.ROLES] + [("admin", "stranger")]
        wanted += [("victim", "member"), ("guest", "stranger"), ("silent", "muted"), ("outcast", "banned")]
        for who, role in wanted:
            self.people.psql.run(f"SELECT {self.set(who, role)}")
        assert self.people.psql.run(f"SELECT role FROM everline.room_members WHERE room_id = {self.id} AND user_id = {keeper}") == [["owner"]]

    def params(self, method):
        user = {"room.invite": "guest", "room.unban": "outcast", "room.unmute": "silent"}.get(method, "victim")
        more = {
            "room.setRole": {"role": "moderator"}, "room.update": {"title": str(uuid.uuid4())}, "room.markRead": {"epoch": self.epoch, "seq": 1},
            "message.send": {"clientId": str(uuid.uuid4()), "body": "二"}, "history.page": {"before": 10}, "history.search": {"query": "一"},
            "history.stats": {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z", "bucket": "day"}, "history.export": {"format": "jsonl"},
        }.get(method, {})
        if method in ("message.edit", "message.delete", "message.react"):
            more = {"epoch": self.epoch, "clientId": str(uuid.uuid4()), "seq": self.keeper.send(self.name, "別人的")["seq"]}
            more |= {"message.edit": {"body": "改"}, "message.react": {"reaction": "好"}}.get(method, {})
        if method in ("room.invite", "room.remove", "room.ban", "room.unban", "room.mute", "room.unmute", "room.setRole", "room.transfer"):
            more["username"] = self.people.name(user)
        return {"room": self.name} | more


@pytest.mark.parametrize("heading, kind", [(PRIVATE, "private"), (PUBLIC, "public")])
def test_rooms(people, heading, kind):
    place = Place(people, kind)
    doors = {caller: people.rpc(caller) for caller in next(iter(TABLES[heading].values()))}
    wrong = []
    for method, expected in TABLES[heading].items():
        for caller, wanted in expected.items():
            place.arrange(caller)
            found = outcome(doors[caller].call(method, **place.params(method)))
            if found != wanted:
                wrong.append((method, caller, found, wanted))
    assert wrong == []


def account_params(people, method, caller):
    victim = people.name("victim")
    if method in HARMLESS:
        return {key: victim if value == "VICTIM" else value for key, value in HARMLESS[method][0].items()}
    return {
        "auth.register": {"username": f"new{uuid.uuid4().hex[:10]}", "password": PASSWORD}, "auth.login": {"username": victim, "password": PASSWORD},
        "session.resume": {"session": people.lines["victim"].session}, "auth.revoke": {"sessionId": str(uuid.uuid4())},
        "auth.profile": {"displayName": f"{caller} 改名"}, "room.create": {"room": str(uuid.uuid4())}, "presence": {"state": "online"},
        "admin.createUser": {"username": f"made{uuid.uuid4().hex[:10]}", "password": PASSWORD}, "admin.setPassword": {"username": people.name("guest"), "password": PASSWORD},
        "admin.setAdmin": {"username": victim, "admin": False}, "admin.revoke": {"username": people.name("guest")}, "admin.requireChange": {"username": people.name("guest")},
        "guardian.backup": {"kind": "database"}, "admin.disable": {"username": people.name("guest")}, "admin.enable": {"username": people.name("guest")}, "admin.sessions": {"username": victim},
    }.get(method, {})


def test_accounts(people):
    wrong = []
    names = {"user": "outcast"}
    for method, expected in TABLES[ACCOUNTS].items():
        for caller, wanted in expected.items():
            if method in BEGUN_ELSEWHERE and wanted == "ok":
                continue
            rpc = people.rpc(names.get(caller, caller))
            if method == "auth.logout" and caller != "nobody":
                name = people.name(names.get(caller, caller))
                password = (people.everline.home / "admin-password").read_text().strip() if caller == "admin" else PASSWORD
                rpc.session = people.everline.line().result("auth.login", username=name, password=password)["session"]
            found = outcome(rpc.call(method, **account_params(people, method, caller)))
            behind = HARMLESS.get(method, (None, None))[1]
            if found != (behind if behind and wanted == "ok" else wanted):
                wrong.append((method, caller, found, wanted))
    assert wrong == []


def test_services(everline):
    ports = lambda method: {"history": 7502, "guardian": 7503}.get(method.split(".")[1], 7501)  # noqa: E731
    wrong = []
    for method, expected in TABLES[SERVICES].items():
        for peer, wanted in expected.items():
            certificate = str(everline.home / f"certs/{peer}")
            line = Line(everline.port(ports(method)), everline.ca, certificate + ".pem", certificate + ".key")
            found = outcome(line.call(method))
            # Without parameters: who may call is told that they are wrong.
            if (found == "peer.forbidden") == (wanted == "yes") or found == "method_not_found":
                wrong.append((method, peer, found, wanted))
            line.close()
        # Nobody calls them at the gateway's door, whatever certificate they show.
        certificate = str(everline.home / "certs/history")
        for door in (everline.line(), Line(everline.port(7443), everline.ca, certificate + ".pem", certificate + ".key")):
            assert outcome(door.call(method)) == "method_not_found", method
            door.close()
    assert wrong == []
    # A person at history's door has none of them either; auth does not talk to people at all.
    assert outcome(Line(everline.port(7502), everline.ca).call("internal.history.page")) == "peer.forbidden"
    with pytest.raises(OSError):
        Line(everline.port(7501), everline.ca).call("internal.session.resume")
