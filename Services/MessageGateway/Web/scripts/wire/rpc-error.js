/** An error answer of the server, or a request that got no answer. `name` is what code decides by; `message` is for a person. */
export class RPCError extends Error {
  constructor({ name, message, retryable = false, retryAfterMs, detail, parameter }) {
    super(message);
    this.name = name;
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
    this.detail = detail;
    this.parameter = parameter;
  }

  static fromWire(error) {
    const data = error?.data ?? {};
    return new RPCError({
      name: data.name ?? `code ${error?.code}`,
      message: error?.message ?? "",
      retryable: data.retryable === true,
      retryAfterMs: data.retryAfterMs,
      detail: data.detail,
      parameter: data.param,
    });
  }

  /** The connection ended first: whether the request was carried out is not known. */
  static disconnected() {
    return new RPCError({ name: "disconnected", message: "The connection was lost", retryable: true });
  }
}
