/** A typing signal holds this long. */
const TYPING_MS = 6000;
/** And is repeated while somebody goes on. */
const REPEAT_MS = 3500;
/** Members of a room that were asked for a moment ago need not be asked for again. */
const FRESH_MS = 30_000;

/**
 * Who is in which room, who is there, and who is typing. Events: `presence` (detail: username), `typing` (detail: room).
 * A server that knows nothing of presence leaves everyone without a state.
 */
export class People extends EventTarget {
  #connection;
  #ready;
  #members = new Map();
  #presence = new Map();
  #typing = new Map();
  #told = new Map();
  #refused = new Set();
  #state = null;

  constructor(connection, ready) {
    super();
    this.#connection = connection;
    this.#ready = ready;
    connection.addEventListener("push", ({ detail: { method, params } }) => this.#pushed(method, params));
    connection.addEventListener("lost", () => {
      this.#state = null;
      this.#typing.clear();
      for (const kept of this.#members.values()) kept.at = -FRESH_MS;
    });
    document.addEventListener("visibilitychange", () => this.tell());
  }

  forgetAll() {
    this.#members.clear();
    this.#presence.clear();
    this.#typing.clear();
    this.#state = null;
  }

  /** Tells the others whether this person looks at the page. */
  tell() {
    const state = document.hidden ? "away" : "online";
    if (state === this.#state) return;
    this.#state = state;
    this.#say("presence", { state });
  }

  /** The members of a room; asked for anew when they are not fresh. */
  async members(room) {
    const kept = this.#members.get(room);
    if (kept && performance.now() - kept.at < FRESH_MS) return kept.members;
    const { members } = await this.#connection.request("room.members", { room });
    this.#members.set(room, { members, at: performance.now() });
    for (const { username, presence } of members) if (presence) this.#presence.set(username, presence);
    return members;
  }

  stale(room) {
    this.#members.delete(room);
  }

  /** "online", "away", "offline", or undefined if nothing is known. */
  presence(username) {
    return this.#presence.get(username);
  }

  typing(room) {
    const now = performance.now();
    return [...(this.#typing.get(room)?.values() ?? [])].filter((one) => one.until > now).map((one) => one.name);
  }

  stoppedTyping(room, username) {
    if (this.#typing.get(room)?.delete(username)) this.#changed("typing", room);
  }

  /** This person types in a room. */
  types(room) {
    const now = performance.now();
    if (now - (this.#told.get(room) ?? -REPEAT_MS) < REPEAT_MS) return;
    this.#told.set(room, now);
    this.#say("room.typing", { room });
  }

  sent(room) {
    this.#told.delete(room);
  }

  async #say(method, params) {
    if (!this.#ready() || this.#refused.has(method)) return;
    try {
      await this.#connection.request(method, params);
    } catch (error) {
      if (error.name === "method_not_found") this.#refused.add(method);
    }
  }

  #pushed(method, params) {
    if (method === "presence.changed") {
      this.#presence.set(params.username, params.state);
      this.#changed("presence", params.username);
    } else if (method === "room.typing") {
      const { room, username, displayName } = params;
      if (!this.#typing.has(room)) this.#typing.set(room, new Map());
      this.#typing.get(room).set(username, { name: displayName || username, until: performance.now() + TYPING_MS });
      this.#changed("typing", room);
      setTimeout(() => this.#changed("typing", room), TYPING_MS + 50);
    } else if (method === "room.changed" && params.room) {
      this.stale(params.room);
    }
  }

  #changed(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
