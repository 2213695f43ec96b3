/** localStorage that may be full or forbidden: then things are kept for this page's life only. */
const memory = new Map();
// What another tab has removed or written is not what this one remembers.
addEventListener("storage", ({ key }) => (key === null ? memory.clear() : memory.delete(key)));

export const storage = {
  get(key) {
    try {
      const text = localStorage.getItem(key);
      if (text !== null) return JSON.parse(text);
    } catch {
      // Forbidden, or not ours: what this page itself wrote is in memory.
    }
    return memory.get(key) ?? null;
  },

  set(key, value) {
    memory.set(key, value);
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      // Kept in memory.
    }
  },

  remove(key) {
    memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      // Was never there.
    }
  },

  keys(prefix) {
    const found = new Set([...memory.keys()].filter((key) => key.startsWith(prefix)));
    try {
      for (let i = 0; i < localStorage.length; i++) {
        const key = localStorage.key(i);
        if (key.startsWith(prefix)) found.add(key);
      }
    } catch {
      // Only memory, then.
    }
    return [...found];
  },

  /** What earlier versions kept under another prefix, where what follows it is as it should be. */
  carryOver(from, to, fits) {
    for (const key of this.keys(from)) {
      const rest = key.slice(from.length);
      if (!fits(rest)) continue;
      if (this.get(to + rest) === null) this.set(to + rest, this.get(key));
      this.remove(key);
    }
  },
};
