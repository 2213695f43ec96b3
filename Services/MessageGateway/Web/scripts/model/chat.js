import { Backoff } from "../wire/backoff.js";
import { Connection } from "../wire/connection.js";
import { Account } from "./account.js";
import { Directory } from "./directory.js";
import { Drafts } from "./drafts.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import { Reader } from "./reader.js";
import { Revisions } from "./revisions.js";
import { Version } from "./version.js";
import { Wakefulness } from "./wakefulness.js";

/** A quiet connection is asked for the rooms this often: it shows new ones, and finds out when nobody is there any more. */
const PULSE_MS = 45_000;
/** After sleep an open socket may be a dead one: this much patience with its first answer. */
const WAKING_MS = 4000;
/** Rooms are followed in the background once what is looked at has come. */
const FOLLOW_MS = 1500;

/** Everything the page knows, wired together: a connection, the user on it, their rooms, what was read and what waits to be sent. */
export class Chat extends EventTarget {
  #followTimer = 0;
  /** The names of the rooms that the user was in when they were last looked through; `null` before that. */
  #known = null;

  constructor(url) {
    super();
    const connection = new Connection(url);
    const account = new Account(connection);
    const ready = () => connection.state === "open" && account.bound;
    this.ready = ready;
    this.connection = connection;
    this.account = account;
    this.version = new Version();
    this.drafts = new Drafts();
    this.directory = new Directory(connection);
    this.people = new People(connection, ready);
    this.reader = new Reader(connection, this.directory, ready);
    this.outbox = new Outbox(connection, ready);
    this.revisions = new Revisions(connection, ready, () => account.user?.username);
    this.#wire(ready);
  }

  start() {
    this.#belong();
    this.connection.start();
  }

  async register(username, password, displayName) {
    await this.account.register(username, password, displayName);
    this.#begin();
  }

  async logIn(username, password, code) {
    await this.account.logIn(username, password, code);
    this.#begin();
  }

  async logOut() {
    this.outbox.clear();
    this.drafts.clear();
    // The session ends on the server if that can be reached, and here in any case.
    await this.account.logOut().catch(() => {});
    this.connection.renew();
  }

  /** Asks the server for anything; views that are loaded later speak through this. They may be there before the connection is. */
  async ask(method, params) {
    while (!this.ready() && this.account.user && this.connection.state !== "waiting") await this.#next();
    return this.connection.request(method, params);
  }

  /** The next step on the way to a connection that is bound to the user. */
  #next() {
    const stop = new AbortController();
    return new Promise((resolve) => {
      for (const [part, event] of [[this, "ready"], [this, "account"], [this.connection, "state"]]) part.addEventListener(event, resolve, { signal: stop.signal });
    }).finally(() => stop.abort());
  }

  async createRoom(room, kind, title) {
    const params = title ? { room, kind, title } : { room, kind };
    const created = await this.ask("room.create", params);
    this.directory.put(created);
    return created.room;
  }

  /** The room of this user and another one: the same each time. */
  async directRoom(username) {
    const known = this.directory.joined.find((room) => room.kind === "direct" && room.with?.username === username);
    if (known) return known.room;
    const room = await this.ask("room.create", { kind: "direct", with: username });
    this.directory.put(room);
    return room.room;
  }

  async join(room) {
    this.directory.put(await this.ask("room.join", { room }));
    this.outbox.flush();
  }

  async leave(room) {
    await this.ask("room.leave", { room });
    this.reader.close(room);
    await this.directory.refresh();
  }

  /** What a room's owners and moderators do to its members; `method` without its `room.`. */
  async manage(method, room, params) {
    const done = await this.ask(`room.${method}`, { room, ...params });
    this.people.stale(room);
    this.directory.refreshSoon();
    return done;
  }

  #wire(ready) {
    const { connection, account, directory, reader, outbox, people } = this;
    connection.addEventListener("open", () => {
      this.version.look();
      this.#resume();
    });
    connection.addEventListener("push", ({ detail: { method, params } }) => {
      if (method === "room.changed") directory.refreshSoon();
      if (method === "session.ended") this.#sessionEnded(params);
    });
    account.addEventListener("change", () => this.#belong());
    account.addEventListener("elsewhere", () => connection.renew());
    outbox.addEventListener("sent", ({ detail: entry }) => {
      people.sent(entry.room);
      // Its push shows it; if that came first, or will not come, nothing is left to wait for.
      const log = reader.logs.get(entry.room);
      if (!log || !log.live || log.lastSeq >= entry.seq || log.state !== "open") outbox.settle(entry.clientId);
    });
    directory.addEventListener("change", () => {
      // Invited, or joined elsewhere, while looking at a closed door.
      const log = reader.logs.get(reader.current);
      if (log?.state === "refused" && directory.get(log.room)?.joined) reader.open(log);
    });
    directory.addEventListener("listed", () => {
      clearTimeout(this.#followTimer);
      this.#followTimer = setTimeout(() => this.#followRooms(), FOLLOW_MS);
    });
    reader.addEventListener("change", ({ detail: log }) => this.#settle(log));
    reader.addEventListener("arrived", ({ detail: { message } }) => people.stoppedTyping(message.room, message.sender));
    setInterval(() => {
      if (ready() && !document.hidden) directory.refreshSoon();
    }, PULSE_MS);
    new Wakefulness(() => {
      if (ready()) directory.refresh({ within: WAKING_MS }).catch(() => {});
    });
  }

  /** What the log shows is not pending any more. */
  #settle(log) {
    const pending = this.outbox.of(log.room);
    if (pending.length === 0) return;
    const mine = this.account.user?.username;
    const shown = new Set(log.messages.filter((message) => message.sender === mine).map((message) => message.clientId));
    for (const entry of pending) {
      const gone = entry.state === "sent" && (entry.seq <= log.lastSeq || !log.live);
      if (gone || shown.has(entry.clientId)) this.outbox.settle(entry.clientId);
    }
  }

  #belong() {
    const username = this.account.user?.username ?? null;
    this.#known = null;
    this.reader.forgetAll();
    this.people.forgetAll();
    this.directory.belongTo(username);
    this.outbox.belongTo(username);
    this.drafts.belongTo(username);
    this.dispatchEvent(new Event("account"));
  }

  /** The connection is new: say who we are, again and again while the server cannot look it up. */
  async #resume(backoff = new Backoff()) {
    if (!this.account.user) return;
    try {
      if (await this.account.resume()) await this.#begin();
      else this.#sessionEnded({ reason: "expired" });
    } catch (error) {
      if (!error.retryable || error.name === "disconnected") return;
      setTimeout(() => {
        if (this.connection.state === "open" && !this.account.bound) this.#resume(backoff);
      }, Math.max(error.retryAfterMs ?? 0, backoff.next()));
    }
  }

  async #begin() {
    this.dispatchEvent(new Event("ready"));
    // The numbers in the list tell how far behind each open room is; without it they are taken up one by one all the same.
    await this.directory.refresh().catch(() => this.directory.refreshSoon());
    this.reader.openAll();
    this.outbox.flush();
    this.people.tell();
  }

  /** The rooms with something unread first, one after another. */
  async #followRooms() {
    const unread = (room) => Math.min(1, this.directory.unread(room.room));
    const rooms = this.directory.joined.sort((a, b) => unread(b) - unread(a)).map(({ room, lastSeq }) => ({ room, lastSeq }));
    const known = this.#known;
    this.#known = new Set(rooms.map(({ room }) => room));
    for (const { room, lastSeq } of rooms) {
      if (!(await this.reader.follow(room, { listed: lastSeq, isNew: known !== null && !known.has(room) }))) return;
    }
  }

  #sessionEnded(params) {
    const { bound, user } = this.account;
    if (!user) return;
    this.dispatchEvent(new CustomEvent("ended", { detail: params }));
    this.account.forget();
    if (bound) this.connection.renew();
  }
}
