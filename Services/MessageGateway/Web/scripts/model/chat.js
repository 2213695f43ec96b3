import { Backoff } from "../wire/backoff.js";
import { Connection } from "../wire/connection.js";
import { Account } from "./account.js";
import { Directory } from "./directory.js";
import { Outbox } from "./outbox.js";
import { Reader } from "./reader.js";

/** A quiet connection is asked for the rooms this often: it shows new ones, and finds out when nobody is there any more. */
const PULSE_MS = 45_000;

/** Everything the page knows, wired together: a connection, the user on it, their rooms, what was read and what waits to be sent. */
export class Chat extends EventTarget {
  constructor(url) {
    super();
    const connection = new Connection(url);
    const account = new Account(connection);
    const ready = () => connection.state === "open" && account.bound;
    this.connection = connection;
    this.account = account;
    this.directory = new Directory(connection);
    this.reader = new Reader(connection, this.directory, ready);
    this.outbox = new Outbox(connection, ready);
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

  async logIn(username, password) {
    await this.account.logIn(username, password);
    this.#begin();
  }

  async logOut() {
    this.outbox.clear();
    // The session ends on the server if that can be reached, and here in any case.
    await this.account.logOut().catch(() => {});
    this.connection.renew();
  }

  async createRoom(room, kind, title) {
    const params = title ? { room, kind, title } : { room, kind };
    const created = await this.connection.request("room.create", params);
    this.directory.put(created);
    return created.room;
  }

  async join(room) {
    this.directory.put(await this.connection.request("room.join", { room }));
    this.outbox.flush();
  }

  async leave(room) {
    await this.connection.request("room.leave", { room });
    this.reader.close(room);
    await this.directory.refresh();
  }

  async members(room) {
    return (await this.connection.request("room.members", { room })).members;
  }

  async invite(room, username) {
    await this.connection.request("room.invite", { room, username });
    this.directory.refreshSoon();
  }

  #wire(ready) {
    const { connection, account, directory, reader, outbox } = this;
    connection.addEventListener("open", () => this.#resume());
    connection.addEventListener("push", ({ detail: { method, params } }) => {
      if (method === "room.changed") directory.refreshSoon();
      if (method === "session.ended") this.#sessionEnded(params);
    });
    account.addEventListener("change", () => this.#belong());
    outbox.addEventListener("sent", ({ detail: entry }) => {
      // Its push shows it; if that came first, or will not come, nothing is left to wait for.
      const log = reader.logs.get(entry.room);
      if (!log || !log.live || log.lastSeq >= entry.seq || log.state !== "open") outbox.settle(entry.clientId);
    });
    directory.addEventListener("change", () => {
      // Invited, or joined elsewhere, while looking at a closed door.
      const log = reader.logs.get(reader.current);
      if (log?.state === "refused" && directory.get(log.room)?.joined) reader.open(log);
    });
    reader.addEventListener("change", ({ detail: log }) => this.#settle(log));
    setInterval(() => {
      if (ready() && !document.hidden) directory.refreshSoon();
    }, PULSE_MS);
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
    this.reader.forgetAll();
    this.directory.belongTo(username);
    this.outbox.belongTo(username);
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
  }

  #sessionEnded(params) {
    const { bound, user } = this.account;
    if (!user) return;
    this.dispatchEvent(new CustomEvent("ended", { detail: params }));
    this.account.forget();
    if (bound) this.connection.renew();
  }
}
