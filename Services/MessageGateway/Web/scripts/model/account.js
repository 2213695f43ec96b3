import { storage } from "./storage.js";

const KEY = "everline.session";

/** Who is logged in here, and their session's token. Event: `change`. */
export class Account extends EventTarget {
  #connection;
  #held = storage.get(KEY);
  /** Whether this connection is bound to the user. */
  bound = false;

  constructor(connection) {
    super();
    this.#connection = connection;
    connection.addEventListener("lost", () => (this.bound = false));
    addEventListener("storage", (event) => {
      if (event.key === KEY || event.key === null) this.#otherTab();
    });
  }

  get user() {
    return this.#held?.user ?? null;
  }

  async register(username, password, displayName) {
    const params = displayName ? { username, password, displayName } : { username, password };
    await this.#begin("auth.register", params);
  }

  /** `code`: of the second factor, for those who have one. */
  async logIn(username, password, code) {
    const { clientName } = await import("./client-name.js");
    await this.#begin("auth.login", { username, password, client: clientName(), ...(code ? { code } : {}) });
  }

  get session() {
    return this.#held?.session ?? null;
  }

  /** The user as the server has them now: another shown name, for instance. */
  renew(user) {
    if (user?.username === this.user?.username) this.#keep({ ...this.#held, user });
  }

  /** Binds a new connection to the session that is held; false if that session has ended. */
  async resume() {
    const session = this.#held?.session;
    if (!session) return false;
    try {
      const user = userOf(await this.#connection.request("session.resume", { session }));
      if (this.#held?.session !== session) return this.resume();
      this.#keep({ user, session });
      this.bound = true;
      return true;
    } catch (error) {
      if (error.name !== "session.invalid" && error.name !== "invalid_params") throw error;
      return this.#held?.session !== session && this.resume();
    }
  }

  async logOut() {
    try {
      if (this.bound) await this.#connection.request("auth.logout");
    } finally {
      this.forget();
    }
  }

  forget() {
    if (!this.#held) return;
    this.bound = false;
    this.#held = null;
    storage.remove(KEY);
    this.dispatchEvent(new Event("change"));
  }

  async #begin(method, params) {
    await this.#connection.opened();
    const opened = await this.#connection.request(method, params);
    this.bound = true;
    this.#keep({ user: userOf(opened), session: opened.session });
  }

  /** Logged in or out in another tab: this one goes along. */
  #otherTab() {
    const held = storage.get(KEY);
    if (held?.session === this.#held?.session) return;
    const before = this.user?.username;
    this.#held = held;
    this.bound = false;
    if (before !== held?.user.username) this.dispatchEvent(new Event("change"));
    this.dispatchEvent(new Event("elsewhere"));
  }

  #keep(held) {
    const before = this.user;
    this.#held = held;
    storage.set(KEY, held);
    if (before?.username !== held.user.username) this.dispatchEvent(new Event("change"));
    else if (JSON.stringify(before) !== JSON.stringify(held.user)) this.dispatchEvent(new Event("renewed"));
  }
}

/** The user of a session; `mustChange` if nothing but another password is open to them yet. */
function userOf({ user, mustChange }) {
  return mustChange ? { ...user, mustChange } : user;
}
