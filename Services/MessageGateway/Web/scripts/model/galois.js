/** Arithmetic of bytes modulo x^8 + x^4 + x^3 + x^2 + 1, and Reed-Solomon codes in it (ISO/IEC 18004, annex A). */
const power = new Uint8Array(255);
const log = new Uint8Array(256);
for (let exponent = 0, value = 1; exponent < 255; exponent++) {
  power[exponent] = value;
  log[value] = exponent;
  value = (value << 1) ^ (value & 0x80 ? 0x11d : 0);
}

const times = (a, b) => (a && b ? power[(log[a] + log[b]) % 255] : 0);

export const Galois = {
  /** The product of (x - 2^i), its highest coefficient left out. */
  generator(degree) {
    let product = [1];
    for (let root = 0; root < degree; root++) {
      const next = [...product, 0];
      product.forEach((coefficient, index) => (next[index + 1] ^= times(coefficient, power[root])));
      product = next;
    }
    return product.slice(1);
  },

  remainder(data, generator) {
    const rest = new Array(generator.length).fill(0);
    for (const byte of data) {
      const factor = byte ^ rest.shift();
      rest.push(0);
      generator.forEach((coefficient, index) => (rest[index] ^= times(coefficient, factor)));
    }
    return rest;
  },
};
