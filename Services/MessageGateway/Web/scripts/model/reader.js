import { Backoff } from "../wire/backoff.js";
import { RPCError } from "../wire/rpc-error.js";
import { RoomLog } from "./room-log.js";

const PAGE = 100;
/** Missed more than this: the newest are shown, and the rest is there for whoever scrolls. */
const CATCH_UP = 400;
/** Rooms that go on receiving in the background; how many of them, the last used ones, keep messages, and how much of each. */
const OPEN_ROOMS = 500;
const KEEPING_ROOMS = 20;
const BACKGROUND = 100;
/** Messages outside of the run that are remembered because others answer them. */
const QUOTED = 200;

/**
 * The rooms that were opened: brings their messages in, keeps them following, and takes up after a lost connection where each had got to.
 * Event: `change` (detail: log), after anything of a log has changed; `arrived` (detail: {log, message}) for each live one; `reset` (detail:
 * the room's name) when all that was known of it is of an epoch that has ended.
 */
export class Reader extends EventTarget {
  logs = new Map();
  current = null;
  #connection;
  #directory;
  #ready;
  #backoffs = new Map();

  constructor(connection, directory, ready) {
    super();
    this.#connection = connection;
    this.#directory = directory;
    this.#ready = ready;
    connection.addEventListener("push", (event) => this.#pushed(event.detail));
    connection.addEventListener("lost", () => {
      for (const log of this.logs.values()) if (log.state !== "refused") log.state = "lost";
    });
  }

  forgetAll() {
    this.logs.clear();
    this.current = null;
  }

  /** Shows a room: it is opened if it is not. */
  show(name) {
    const left = this.current;
    this.current = name;
    if (left && left !== name) this.logs.get(left)?.trimStart(BACKGROUND);
    if (!name) return null;
    let log = this.logs.get(name);
    if (!log) {
      log = new RoomLog(name);
    } else {
      this.logs.delete(name);
    }
    // The map's order is the order of use: the first is the one left longest.
    this.logs.set(name, log);
    this.#makeRoom();
    if (log.state === "new" || log.state === "refused" || log.light) this.open(log);
    return log;
  }

  /** Opens a room, or takes it up again after the last number that it had got to; the messages that came with the answer. */
  async open(log, { fresh = false } = {}) {
    if (log.state === "opening" || !this.#ready()) return;
    const listed = this.#directory.get(log.room)?.lastSeq ?? 0;
    const far = listed - log.lastSeq > CATCH_UP;
    const bare = log.light && log.room === this.current;
    const resume = !fresh && !far && !bare && log.epoch !== null;
    const params = resume ? { room: log.room, epoch: log.epoch, after: log.lastSeq, afterRev: log.lastRev } : { room: log.room };
    log.state = "opening";
    this.#changed(log);
    let opened;
    try {
      opened = await this.#connection.request("room.open", params);
      log.state = "open";
      log.error = null;
      this.#backoffs.delete(log.room);
      this.#place(log, opened, { resumed: resume, keep: far && !fresh });
      this.#makeRoom();
    } catch (error) {
      this.#failed(log, error);
    }
    this.#changed(log);
    // Somebody came to look while it was taken up without its messages.
    if (log.light && log.state === "open" && log.room === this.current) this.open(log);
    return opened?.messages;
  }

  /** After a new connection. */
  openAll() {
    for (const log of this.logs.values()) if (log.state !== "refused" || log.room === this.current) this.open(log);
  }

  close(name) {
    const log = this.logs.get(name);
    if (!log) return;
    this.logs.delete(name);
    // Whatever becomes of it, the room is closed for us: pushes of unknown rooms are dropped.
    if (log.state === "open" && this.#ready()) this.#connection.request("room.close", { room: name }).catch(() => {});
  }

  async loadOlder(log) {
    if (log.loading.older || log.complete || log.state !== "open") return;
    await this.#load(log, "older", { before: log.first }, (page) => log.prepend(page));
  }

  async loadNewer(log) {
    if (log.loading.newer || log.live || log.state !== "open") return;
    await this.#load(log, "newer", { after: log.last }, (page) => log.append(page));
  }

  /** Back from far up to the newest messages. */
  async toNewest(log) {
    if (!log.live) await this.open(log, { fresh: true });
  }

  /** Brings the reader to a message; false if the room has none of that number. */
  async showAt(log, seq) {
    if (!log.at(seq)) {
      const page = await this.#around(log, { around: seq });
      if (!page?.some((message) => message.seq === seq)) return false;
    }
    log.target = seq;
    this.#changed(log);
    return true;
  }

  /** Brings the reader to the first message sent at a time or after it, or to the newest. */
  async showTime(log, time) {
    const page = await this.#around(log, { at: time.toISOString() });
    if (!page?.length) return false;
    log.target = (page.find((message) => new Date(message.sentAt) >= time) ?? page.at(-1)).seq;
    this.#changed(log);
    return true;
  }

  /** The message of a number as far as it is known; what is not is fetched, and a change then tells of it. */
  quoted(log, seq) {
    const known = log.at(seq) ?? log.quoted.get(seq);
    if (known || log.quoted.has(seq) || log.state !== "open") return known ?? null;
    if (log.quoted.size >= QUOTED) log.quoted.delete(log.quoted.keys().next().value);
    log.quoted.set(seq, null);
    const { epoch } = log;
    this.#connection
      .request("history.page", { room: log.room, around: seq, limit: 1, epoch })
      .then(({ messages }) => {
        const found = messages.find((message) => message.seq === seq);
        if (found && log.epoch === epoch) log.quoted.set(seq, found);
        if (found) this.dispatchEvent(new CustomEvent("quoted", { detail: { log, message: found } }));
      })
      // Asked for again when it is drawn again.
      .catch(() => log.quoted.delete(seq));
    return null;
  }

  async #around(log, anchor) {
    if (log.state !== "open") return null;
    const { epoch } = log;
    const page = await this.#connection.request("history.page", { room: log.room, ...anchor, limit: PAGE, epoch });
    if (log.epoch !== epoch || page.messages.length === 0) return null;
    log.placeRun(page.messages);
    return log.messages;
  }

  /**
   * Opens a room that nobody looks at, so that what is said there is known at once; false if there is no place for more. What came since the rooms
   * were listed, when its last number was `listed`, has arrived; so has all that is unread in a room that `isNew` to the user.
   */
  async follow(name, { listed, isNew }) {
    if (this.logs.has(name)) return true;
    if (this.logs.size >= OPEN_ROOMS || !this.#ready()) return false;
    const log = new RoomLog(name);
    // Before all others: it is the first to make place for one that is looked at.
    this.logs = new Map([[name, log], ...this.logs]);
    const messages = (await this.open(log)) ?? [];
    const told = isNew ? Math.min(listed, this.#directory.readSeq(name)) : listed;
    for (const message of messages) {
      if (message.seq > listed) this.#directory.arrived(message);
      if (message.seq > told) this.#arrived(log, message);
    }
    return true;
  }

  async #load(log, side, anchor, add) {
    log.loading[side] = true;
    this.#changed(log);
    const { epoch } = log;
    try {
      const page = await this.#connection.request("history.page", { room: log.room, ...anchor, limit: PAGE, epoch });
      if (log.epoch === epoch && !add(page.messages)) throw new RPCError({ name: "unavailable", message: "The page has no place here" });
      log.loading[side] = false;
    } catch (error) {
      if (error.name === "epoch.changed") this.open(log, { fresh: true });
      // The reader who still looks there asks again; not at once, or a part that is down would be asked without end.
      setTimeout(() => {
        log.loading[side] = false;
        this.#changed(log);
      }, Math.max(error.retryAfterMs ?? 0, 2000));
    }
    this.#changed(log);
  }

  /** All numbers that are known of a room are of an epoch that has ended. */
  #turnedBack(log) {
    log.clear();
    this.#changed(log);
    this.dispatchEvent(new CustomEvent("reset", { detail: log.room }));
  }

  #place(log, opened, { resumed, keep }) {
    if (log.epoch !== null && log.epoch !== opened.epoch) this.#turnedBack(log);
    if (opened.reset || !resumed) {
      // Far behind, and the reader looks at old messages: those stay, and the newest are one jump away.
      const stays = keep && !opened.reset && log.epoch === opened.epoch && !log.live && log.messages.length > 0;
      if (stays) log.lastSeq = Math.max(log.lastSeq, opened.lastSeq);
      else log.replace(opened);
    }
    this.#directory.reached(log.room, Math.max(log.lastSeq, opened.lastSeq), opened.epoch);
    this.#directory.known(log.room, opened.readSeq ?? 0);
    const early = log.early;
    log.early = [];
    for (const message of early) this.#take(log, message);
  }

  #failed(log, error) {
    if (error.name === "disconnected" || error.name.startsWith("session.")) {
      log.state = "lost";
      return;
    }
    log.error = error;
    if (!error.retryable) {
      log.state = "refused";
      return;
    }
    log.state = "lost";
    const backoff = this.#backoffs.get(log.room) ?? new Backoff();
    this.#backoffs.set(log.room, backoff);
    setTimeout(() => {
      if (log.state === "lost" && this.logs.get(log.room) === log) this.open(log);
    }, Math.max(error.retryAfterMs ?? 0, backoff.next()));
  }

  #pushed({ method, params }) {
    const log = this.logs.get(params.room);
    if (method === "message.posted") {
      if (!log) return;
      if (log.state === "opening" && params.epoch !== log.epoch) log.early.push(params);
      else this.#take(log, params);
    } else if (method === "message.edited" || method === "message.deleted") {
      // What comes while the room is being opened shows in the answer, or comes again after it.
      if (!log || log.state !== "open") return;
      const outcome = log.revise(params);
      if (outcome === "hole" || outcome === "epoch") this.open(log, { fresh: outcome === "epoch" });
      else if (outcome === "kept") this.#changed(log);
    } else if (method === "room.reset") {
      if (!log) return;
      this.#turnedBack(log);
      if (log.state === "open") this.open(log, { fresh: true });
    }
  }

  #take(log, message) {
    const outcome = log.accept(message);
    if (outcome === "known") return;
    if (outcome === "hole" || outcome === "epoch") {
      if (log.state === "opening") log.early.push(message);
      else this.open(log, { fresh: outcome === "epoch" });
      return;
    }
    if (log.room !== this.current) log.trimStart(BACKGROUND);
    this.#directory.reached(log.room, log.lastSeq, log.epoch);
    this.#directory.arrived(message);
    this.#arrived(log, message);
    this.#changed(log);
  }

  #arrived(log, message) {
    this.dispatchEvent(new CustomEvent("arrived", { detail: { log, message } }));
  }

  /** The rooms that were left longest keep no messages; beyond what is followed at all they are closed. */
  #makeRoom() {
    let beyond = this.logs.size - KEEPING_ROOMS;
    for (const [name, log] of this.logs) {
      if (beyond-- <= 0) return;
      if (name === this.current) continue;
      if (this.logs.size > OPEN_ROOMS) this.close(name);
      else if (log.state === "open") log.lighten();
    }
  }

  #changed(log) {
    this.dispatchEvent(new CustomEvent("change", { detail: log }));
  }
}
