import { Backoff } from "../wire/backoff.js";
import { clientID } from "../wire/client-id.js";
import { storage } from "./storage.js";

/**
 * What was written and is not yet known to be kept by the server. Each message has its `clientId` from the start and is sent under it until an
 * answer comes, over any number of connections and reloads; the server numbers it once.
 *
 * One message a room is under way at a time, so that a refused one cannot be overtaken. Event: `change` (detail: room).
 */
export class Outbox extends EventTarget {
  #connection;
  #ready;
  #username = null;
  #entries = [];
  #sending = new Set();
  #backoffs = new Map();

  /** `ready()`: whether the connection is bound to the user. */
  constructor(connection, ready) {
    super();
    this.#connection = connection;
    this.#ready = ready;
  }

  belongTo(username) {
    if (username === this.#username) return;
    this.#username = username;
    this.#entries = [];
    if (!username) return;
    storage.carryOver(`everline.outbox.${username}.`, this.#prefix, (clientId) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(clientId));
    this.#entries = storage
      .keys(this.#prefix)
      .map((key) => storage.get(key))
      .filter((entry) => entry?.clientId && entry.room && entry.body)
      .sort((a, b) => a.writtenAt - b.writtenAt)
      .map((entry) => ({ ...entry, state: entry.state === "failed" ? "failed" : "waiting" }));
  }

  get count() {
    return this.#entries.length;
  }

  /** How many are under way or wait, and how many were refused. */
  get counts() {
    const failed = this.#entries.filter((entry) => entry.state === "failed").length;
    return { failed, waiting: this.#entries.filter((entry) => entry.state === "waiting" || entry.state === "sending").length };
  }

  of(room) {
    return this.#entries.filter((entry) => entry.room === room);
  }

  /** `reply`: {replyTo, epoch}, the number of the message that this one answers. */
  add(room, body, reply = {}) {
    // Two lines written in one millisecond keep their order over a reload.
    const writtenAt = Math.max(Date.now(), (this.#entries.at(-1)?.writtenAt ?? 0) + 1);
    const entry = { clientId: clientID(), room, body, ...reply, writtenAt, state: "waiting" };
    this.#entries.push(entry);
    this.#store(entry);
    this.#changed(room);
    this.#pump(room);
  }

  retry(clientId) {
    const entry = this.#entries.find((candidate) => candidate.clientId === clientId);
    if (!entry || entry.state !== "failed") return;
    entry.state = "waiting";
    // The numbers of an epoch that has ended name nothing any more: the text is sent as it is.
    if (entry.error?.name === "epoch.changed") delete entry.replyTo;
    entry.error = null;
    this.#store(entry);
    this.#changed(entry.room);
    this.#pump(entry.room);
  }

  /** The message is among those that the server shows, or is not wanted any more. */
  settle(clientId) {
    const index = this.#entries.findIndex((entry) => entry.clientId === clientId);
    if (index < 0) return;
    const [entry] = this.#entries.splice(index, 1);
    storage.remove(this.#prefix + clientId);
    this.#changed(entry.room);
  }

  clear() {
    for (const { clientId } of [...this.#entries]) this.settle(clientId);
    // What other tabs wrote since is in theirs.
    for (const key of storage.keys(this.#prefix)) storage.remove(key);
  }

  /** Sends all that waits; after each new connection. */
  flush() {
    for (const room of new Set(this.#entries.map((entry) => entry.room))) this.#pump(room);
  }

  async #pump(room) {
    const owner = this.#username;
    if (this.#sending.has(room)) return;
    this.#sending.add(room);
    try {
      for (;;) {
        const entry = this.#entries.find((candidate) => candidate.room === room && candidate.state === "waiting");
        if (!entry || !this.#ready()) return;
        if (!(await this.#send(entry))) return;
        if (this.#username !== owner) return;
      }
    } finally {
      this.#sending.delete(room);
    }
  }

  /** Whether to go on with the next one. */
  async #send(entry) {
    const { room, clientId, body, replyTo, epoch } = entry;
    entry.state = "sending";
    this.#changed(room);
    try {
      const { seq } = await this.#connection.request("message.send", replyTo ? { room, clientId, body, replyTo, epoch } : { room, clientId, body });
      this.#backoffs.delete(room);
      entry.state = "sent";
      entry.seq = seq;
      storage.remove(this.#prefix + clientId);
      this.dispatchEvent(new CustomEvent("sent", { detail: entry }));
      return true;
    } catch (error) {
      return this.#refused(entry, error);
    } finally {
      this.#changed(room);
    }
  }

  #refused(entry, error) {
    // Nobody is logged in any more: the message waits for the next time.
    const later = error.name === "disconnected" || error.name.startsWith("session.");
    if (later || error.retryable) {
      entry.state = "waiting";
      if (!later) {
        const backoff = this.#backoffs.get(entry.room) ?? new Backoff();
        this.#backoffs.set(entry.room, backoff);
        setTimeout(() => this.#pump(entry.room), Math.max(error.retryAfterMs ?? 0, backoff.next()));
      }
      return false;
    }
    entry.state = "failed";
    entry.error = { name: error.name, message: error.message, detail: error.detail };
    // Unless its writer has logged out since.
    if (this.#entries.includes(entry)) this.#store(entry);
    return true;
  }

  get #prefix() {
    return `everline.outbox.${this.#username}/`;
  }

  /** One key a message: two tabs of one user do not overwrite each other's. */
  #store(entry) {
    storage.set(this.#prefix + entry.clientId, entry);
  }

  #changed(room) {
    this.dispatchEvent(new CustomEvent("change", { detail: room }));
  }
}
