import { storage } from "./storage.js";

const REFRESH_MS = 300;

/** The rooms that this user can see, and how far each was read here. Event: `change`. */
export class Directory extends EventTarget {
  rooms = new Map();
  loaded = false;
  #connection;
  #username = null;
  #read = {};
  #timer = 0;

  constructor(connection) {
    super();
    this.#connection = connection;
  }

  /** Begins anew for a user, or for nobody. */
  belongTo(username) {
    if (username === this.#username) return;
    this.#username = username;
    this.#read = (username && storage.get(this.#key)) || {};
    this.rooms = new Map();
    this.loaded = false;
    this.#changed();
  }

  get joined() {
    return [...this.rooms.values()].filter((room) => room.joined);
  }

  get others() {
    return [...this.rooms.values()].filter((room) => !room.joined);
  }

  get(name) {
    return this.rooms.get(name) ?? null;
  }

  async refresh() {
    const { rooms } = await this.#connection.request("room.list");
    const before = this.rooms;
    this.rooms = new Map(
      rooms.map((room) => [room.room, { ...room, lastSeq: Math.max(room.lastSeq, before.get(room.room)?.pushedSeq ?? 0) }]),
    );
    this.loaded = true;
    this.#changed();
  }

  /** Asks again soon; many changes in one moment become one question. */
  refreshSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // A failure here is a lost connection, after which everything is asked anew.
      this.refresh().catch(() => {});
    }, REFRESH_MS);
  }

  put(room) {
    this.rooms.set(room.room, { ...this.rooms.get(room.room), ...room });
    this.#changed();
  }

  /** The room has got to this number. In another epoch a lower one is true too, and what was read of the old one counts only up to it. */
  reached(name, seq, epoch) {
    const mark = this.#read[name];
    const restarted = mark !== undefined && mark.epoch !== epoch;
    if (restarted) this.#mark(name, Math.min(mark.seq, seq), epoch);
    const room = this.rooms.get(name);
    if (!room) return;
    room.lastSeq = restarted ? seq : Math.max(room.lastSeq, seq);
    room.pushedSeq = room.lastSeq;
    this.#changed();
  }

  /** The last number that was on screen here; 0 if the room was never opened. */
  readSeq(name) {
    return this.#read[name]?.seq ?? 0;
  }

  markRead(name, seq, epoch) {
    if (this.#read[name]?.epoch === epoch && seq <= this.#read[name].seq) return;
    this.#mark(name, seq, epoch);
    this.#changed();
  }

  /** Only for rooms that were opened once: for others there is no place to count from. */
  unread(name) {
    const room = this.rooms.get(name);
    if (!room?.joined || !(name in this.#read)) return 0;
    return Math.max(0, room.lastSeq - this.#read[name].seq);
  }

  get totalUnread() {
    return this.joined.reduce((sum, room) => sum + this.unread(room.room), 0);
  }

  get #key() {
    return `everline.read.${this.#username}`;
  }

  #mark(name, seq, epoch) {
    this.#read[name] = { seq, epoch };
    if (this.#username) storage.set(this.#key, this.#read);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
