import { Backoff } from "./backoff.js";
import { RPCError } from "./rpc-error.js";

const ANSWER_MS = 15_000;
/** Behind these is another service, or work that takes long: the server itself is this patient with them, and then says so. */
const PATIENT = /^(?:auth|admin|guardian)\./;
const PATIENT_MS = 25_000;
const HANDSHAKE_MS = 10_000;
/** A connection that lived this long was good, so that the next attempt after it may come at once. */
const STEADY_MS = 10_000;

/**
 * One WebSocket that is always wanted: JSON-RPC 2.0, one object a frame, made anew with backoff whenever it ends.
 *
 * Events: `open`, `lost` (an open one ended), `state` (any change), `push` (detail: {method, params}).
 */
export class Connection extends EventTarget {
  /** "connecting", "open" or "waiting". */
  state = "waiting";
  /** When the next attempt begins, in `performance.now()` time, while waiting. */
  retryAt = 0;
  #url;
  #socket = null;
  #timer = 0;
  #backoff = new Backoff();
  #nextID = 1;
  #calls = new Map();

  constructor(url) {
    super();
    this.#url = url;
  }

  start() {
    // The browser knows of a lost network before a socket does, and a sleeping tab's timers come late.
    addEventListener("online", () => this.retryNow());
    addEventListener("offline", () => this.cut());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.retryNow();
    });
    this.#connect();
  }

  retryNow() {
    if (this.state !== "waiting") return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  /** Gives the socket up, whatever its state, and goes on as after any other loss. */
  cut() {
    const socket = this.#socket;
    if (!socket) return;
    this.#ended(socket);
    socket.close();
  }

  /** A new socket at once: what was bound to the old one, a user and their open rooms, ends with it. */
  renew() {
    this.cut();
    this.#backoff.reset();
    this.retryNow();
  }

  /** Sends a request; the promise holds its result or throws an RPCError. `within`: how long its answer may take, in milliseconds. */
  request(method, params = {}, { within = PATIENT.test(method) ? PATIENT_MS : ANSWER_MS } = {}) {
    if (this.state !== "open") return Promise.reject(RPCError.disconnected());
    const id = this.#nextID++;
    return new Promise((resolve, reject) => {
      // No answer in time means that nobody is there: what is open on this socket is settled on the next.
      const timer = setTimeout(() => this.cut(), within);
      this.#calls.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  /** Waits for an open connection, at most `ms`. */
  async opened(ms = HANDSHAKE_MS) {
    if (this.state === "open") return;
    this.retryNow();
    await new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.removeEventListener("open", done);
        resolve();
      };
      const timer = setTimeout(() => {
        this.removeEventListener("open", done);
        reject(RPCError.disconnected());
      }, ms);
      this.addEventListener("open", done);
    });
  }

  #connect() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#become("connecting");
    const handshake = setTimeout(() => socket === this.#socket && this.cut(), HANDSHAKE_MS);
    let steady = 0;
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      clearTimeout(handshake);
      steady = setTimeout(() => this.#backoff.reset(), STEADY_MS);
      this.#become("open");
      this.dispatchEvent(new Event("open"));
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#received(event.data);
    };
    socket.onclose = () => {
      clearTimeout(handshake);
      clearTimeout(steady);
      this.#ended(socket);
    };
  }

  #ended(socket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    const wasOpen = this.state === "open";
    const wait = this.#backoff.next();
    this.retryAt = performance.now() + wait;
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#become("waiting");
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) {
      clearTimeout(call.timer);
      call.reject(RPCError.disconnected());
    }
    if (wasOpen) this.dispatchEvent(new Event("lost"));
  }

  #received(text) {
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return this.cut();
    }
    if (typeof frame.method === "string") {
      this.dispatchEvent(new CustomEvent("push", { detail: { method: frame.method, params: frame.params ?? {} } }));
      return;
    }
    const call = this.#calls.get(frame.id);
    if (!call) return;
    this.#calls.delete(frame.id);
    clearTimeout(call.timer);
    if (frame.error) call.reject(RPCError.fromWire(frame.error));
    else call.resolve(frame.result);
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
