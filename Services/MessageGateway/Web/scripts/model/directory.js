import { mentionsUser } from "./mentions.js";
import { storage } from "./storage.js";

const REFRESH_MS = 300;
/** How far was read is told to the server at most this often. */
const MARK_MS = 600;

/**
 * The rooms that this user can see, and how far each was read: as the server keeps it for all of the user's devices, and here. Events:
 * `change`; `listed`, when there may be a room that was not there before.
 */
export class Directory extends EventTarget {
  rooms = new Map();
  loaded = false;
  #connection;
  #username = null;
  #read = {};
  #timer = 0;
  #marks = new Map();
  #markTimer = 0;
  #marksRefused = false;

  constructor(connection) {
    super();
    this.#connection = connection;
    connection.addEventListener("push", ({ detail: { method, params } }) => {
      if (method === "room.read") this.#readElsewhere(params);
    });
    // Read in another tab.
    addEventListener("storage", (event) => {
      if (!this.#username || event.key !== this.#key) return;
      this.#read = storage.get(this.#key) ?? {};
      this.#changed();
    });
  }

  /** Begins anew for a user, or for nobody. */
  belongTo(username) {
    if (username === this.#username) return;
    this.#username = username;
    this.#read = (username && storage.get(this.#key)) || {};
    this.rooms = new Map();
    this.loaded = false;
    this.#marks.clear();
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

  async refresh(options) {
    const { rooms } = await this.#connection.request("room.list", {}, options);
    const before = this.rooms;
    this.rooms = new Map(
      rooms.map((room) => {
        const known = before.get(room.room);
        return [room.room, { ...room, epoch: known?.epoch, lastSeq: Math.max(room.lastSeq, known?.pushedSeq ?? 0) }];
      }),
    );
    this.loaded = true;
    this.#changed();
    this.#listed();
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
    this.#listed();
  }

  /** The room has got to this number. In another epoch a lower one is true too, and what was read of the old one counts only up to it. */
  reached(name, seq, epoch) {
    const mark = this.#read[name];
    const room = this.rooms.get(name);
    const marked = mark !== undefined && mark.epoch !== epoch;
    const restarted = marked || (room?.epoch !== undefined && room.epoch !== epoch);
    if (marked) this.#mark(name, Math.min(mark.seq, seq), epoch);
    if (!room) return;
    room.epoch = epoch;
    if (restarted && room.readSeq > seq) room.readSeq = seq;
    room.lastSeq = restarted ? seq : Math.max(room.lastSeq, seq);
    room.pushedSeq = room.lastSeq;
    this.#changed();
  }

  /** A message came; one that names this user counts apart. */
  arrived(message) {
    const room = this.rooms.get(message.room);
    if (!room || message.sender === this.#username || !mentionsUser(message, this.#username)) return;
    room.mentions = (room.mentions ?? 0) + 1;
    this.#changed();
  }

  /** The last number that was read, here or on another device; 0 if the room was never opened. */
  readSeq(name) {
    return Math.max(this.#read[name]?.seq ?? 0, this.rooms.get(name)?.readSeq ?? 0);
  }

  /** What the server says on opening a room. */
  known(name, readSeq) {
    const room = this.rooms.get(name);
    if (room && readSeq > (room.readSeq ?? 0)) room.readSeq = readSeq;
  }

  markRead(name, seq, epoch) {
    const room = this.rooms.get(name);
    if (this.#read[name]?.epoch === epoch && seq <= this.#read[name].seq && !room?.mentions) return;
    this.#mark(name, seq, epoch);
    if (room && seq >= room.lastSeq) room.mentions = 0;
    if (room?.joined && !this.#marksRefused) {
      this.#marks.set(name, { seq, epoch });
      this.#markTimer ||= setTimeout(() => this.#tellMarks(), MARK_MS);
    }
    this.#changed();
  }

  /** Only for rooms with a place to count from. */
  unread(name) {
    const room = this.rooms.get(name);
    const counted = room?.readSeq !== undefined || name in this.#read;
    if (!room?.joined || !counted) return 0;
    return Math.max(0, room.lastSeq - this.readSeq(name));
  }

  mentions(name) {
    const room = this.rooms.get(name);
    return room?.joined && (this.unread(name) > 0 || !(name in this.#read)) ? (room.mentions ?? 0) : 0;
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

  /** A mark that does not get through is no loss: the next one is further. */
  async #tellMarks() {
    this.#markTimer = 0;
    const marks = [...this.#marks];
    this.#marks.clear();
    for (const [room, { seq, epoch }] of marks) {
      try {
        const read = await this.#connection.request("room.markRead", { room, epoch, seq });
        this.known(room, read.readSeq);
      } catch (error) {
        if (error.name === "method_not_found") this.#marksRefused = true;
        if (error.name === "disconnected") return;
      }
    }
  }

  #readElsewhere({ room: name, readSeq, mentions }) {
    const room = this.rooms.get(name);
    if (!room) return;
    this.known(name, readSeq);
    if (mentions !== undefined) room.mentions = mentions;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #listed() {
    this.dispatchEvent(new Event("listed"));
  }
}
