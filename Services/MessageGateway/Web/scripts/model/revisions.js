import { Backoff } from "../wire/backoff.js";
import { clientID } from "../wire/client-id.js";
import { RPCError } from "../wire/rpc-error.js";

/** So often a change is tried again while the server cannot say what became of it. */
const ATTEMPTS = 8;

/** Edits, deletions and reactions. Each has its `clientId` from the start, so that it counts once however often it is sent. */
export class Revisions {
  #connection;
  #ready;
  #owner;

  /** `owner()`: the name of the user who is logged in. */
  constructor(connection, ready, owner) {
    this.#connection = connection;
    this.#ready = ready;
    this.#owner = owner;
  }

  edit(message, body) {
    return this.#revise("message.edit", message, { body });
  }

  delete(message) {
    return this.#revise("message.delete", message, {});
  }

  react(message, reaction, remove) {
    return this.#revise("message.react", message, remove ? { reaction, remove } : { reaction });
  }

  async #revise(method, { room, epoch, seq }, change) {
    const params = { room, epoch, seq, clientId: clientID(), ...change };
    const backoff = new Backoff();
    const owner = this.#owner();
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#bound();
        // Somebody else's by now: it waits for its own.
        if (this.#owner() !== owner) throw RPCError.disconnected();
        return await this.#connection.request(method, params);
      } catch (error) {
        if (!error.retryable || attempt === ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.max(error.retryAfterMs ?? 0, backoff.next())));
      }
    }
  }

  /** An open connection is not yet one of this user. */
  async #bound() {
    if (this.#ready()) return;
    await this.#connection.opened();
    for (let turn = 0; turn < 50 && !this.#ready(); turn++) await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
