/** Messages kept of the room that is shown, and how many more before the far end is cut. */
const KEPT = 500;
const SLACK = 100;

/**
 * A run of a room's messages without a hole, and how far the room itself goes.
 *
 * The run ends at the room's newest message while `live`; a reader far up has another run, and comes back to the newest by pages or in one
 * jump. `lastSeq` is the last number that was told to us, kept in the run or not: the point to resume from.
 */
export class RoomLog {
  room;
  epoch = null;
  lastSeq = 0;
  /** The last revision that was told to us: edits and deletions are numbered too. */
  lastRev = 0;
  live = true;
  messages = [];
  /** "new", "opening", "open", "lost" or "refused". */
  state = "new";
  error = null;
  loading = { older: false, newer: false };
  /** The number of the message that the reader is to be brought to. */
  target = null;
  /** Messages outside of the run that others answer, by number; `null` while one is fetched. */
  quoted = new Map();
  /** Pushes that came before the answer to `room.open` said where they belong. */
  early = [];

  constructor(room) {
    this.room = room;
  }

  get first() {
    return this.messages[0]?.seq ?? this.lastSeq + 1;
  }

  get last() {
    return this.messages.at(-1)?.seq ?? this.lastSeq;
  }

  get complete() {
    return this.first <= 1;
  }

  /** Follows the room, and keeps none of its messages. */
  get light() {
    return !this.live && this.messages.length === 0;
  }

  lighten() {
    this.messages = [];
    this.live = false;
    this.target = null;
    this.quoted.clear();
  }

  /** The newest messages, in place of whatever was kept. */
  replace({ epoch, lastSeq, lastRev, messages }) {
    this.epoch = epoch;
    this.lastRev = lastRev;
    this.messages = contiguousEnd(messages);
    this.lastSeq = Math.max(lastSeq, this.messages.at(-1)?.seq ?? 0);
    this.live = this.last === this.lastSeq;
  }

  /** A page from anywhere in the room, in place of the run. */
  placeRun(page) {
    this.messages = contiguousEnd(page);
    this.lastSeq = Math.max(this.lastSeq, this.last);
    this.live = this.last === this.lastSeq;
  }

  /** The message of a number, if it is at hand. */
  at(seq) {
    const message = this.messages[seq - this.first];
    return message?.seq === seq ? message : null;
  }

  /** Forgets all numbers: they are of an epoch that has ended. */
  clear() {
    this.epoch = null;
    this.messages = [];
    this.lastSeq = 0;
    this.lastRev = 0;
    this.live = true;
    this.target = null;
    this.quoted.clear();
  }

  /** Takes a pushed message: "kept", "counted" (beyond the run), "known", "hole" or "epoch". */
  accept(message) {
    if (message.epoch !== this.epoch) return "epoch";
    if (message.seq <= this.lastSeq) return "known";
    if (message.seq > this.lastSeq + 1) return "hole";
    this.lastSeq = message.seq;
    if (!this.live) return "counted";
    this.messages.push(message);
    return "kept";
  }

  /** Takes what became of a message: "kept" if it is shown, "known", "hole" or "epoch". */
  revise(message) {
    if (message.epoch !== this.epoch) return "epoch";
    if (message.rev <= this.lastRev) return "known";
    if (message.rev > this.lastRev + 1) return "hole";
    this.lastRev = message.rev;
    const index = message.seq - this.first;
    if (this.messages[index]?.seq === message.seq) this.messages[index] = message;
    if (this.quoted.has(message.seq)) this.quoted.set(message.seq, message);
    return "kept";
  }

  /** A page that ends right before the run; false if it does not fit. */
  prepend(page) {
    const fitting = page.filter((message) => message.seq < this.first);
    if (fitting.length === 0 || fitting.at(-1).seq !== this.first - 1) return false;
    this.messages = [...contiguousEnd(fitting), ...this.messages];
    if (this.messages.length > KEPT + SLACK) {
      this.messages.length = KEPT;
      this.live = false;
    }
    return true;
  }

  /** A page that begins right after the run; false if it does not fit. */
  append(page) {
    const fitting = page.filter((message) => message.seq > this.last);
    if (fitting.length === 0 || fitting[0].seq !== this.last + 1) return false;
    this.messages.push(...fitting);
    this.lastSeq = Math.max(this.lastSeq, this.last);
    this.live = this.last === this.lastSeq;
    this.trimStart();
    return true;
  }

  /** Cuts old messages off a run that has grown long. */
  trimStart(kept = KEPT, slack = SLACK) {
    if (this.messages.length > kept + slack) this.messages.splice(0, this.messages.length - kept);
  }

  /** For a reader who stays far up while the room goes on: the run stops growing. */
  detachIfLong() {
    if (this.live && this.messages.length > KEPT + SLACK * 2) this.live = false;
  }
}

/** The longest part without a hole that ends where the list ends. */
function contiguousEnd(messages) {
  let start = Math.max(messages.length - 1, 0);
  while (start > 0 && messages[start - 1].seq === messages[start].seq - 1) start -= 1;
  return messages.slice(start);
}
