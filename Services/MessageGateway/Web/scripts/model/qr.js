import { Galois } from "./galois.js";

/** Codewords of error correction a block, and how many blocks, for versions 1 to 40 at level M (ISO/IEC 18004, table 9). */
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49];
/** Level M in the format information. */
const LEVEL = 0;
const MASKS = [
  (x, y) => (x + y) % 2,
  (x, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

/** A text as a QR code (ISO/IEC 18004): rows of modules, true for dark. Bytes in UTF-8, level M, the smallest version that holds it. */
export function qrCode(text) {
  const bytes = new TextEncoder().encode(text);
  const version = smallest(bytes.length);
  const codewords = interleaved(dataOf(bytes, version), version);
  const board = new Board(version);
  board.placeData(codewords);
  let best = null;
  for (let mask = 0; mask < MASKS.length; mask++) {
    const rows = board.masked(mask);
    const penalty = penaltyOf(rows);
    if (!best || penalty < best.penalty) best = { rows, penalty };
  }
  return best.rows;
}

function smallest(length) {
  for (let version = 1; version <= 40; version++) if (4 + countBits(version) + length * 8 <= capacity(version) * 8) return version;
  throw new RangeError("The text is too long for a QR code");
}

const countBits = (version) => (version < 10 ? 8 : 16);

/** Modules that are free for codewords, in codewords. */
function rawCodewords(version) {
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const aligned = Math.floor(version / 7) + 2;
    modules -= (25 * aligned - 10) * aligned - 55;
    if (version >= 7) modules -= 36;
  }
  return Math.floor(modules / 8);
}

const capacity = (version) => rawCodewords(version) - CORRECTION[version - 1] * BLOCKS[version - 1];

function dataOf(bytes, version) {
  const bits = [];
  const put = (value, length) => {
    for (let bit = length - 1; bit >= 0; bit--) bits.push((value >>> bit) & 1);
  };
  put(4, 4);
  put(bytes.length, countBits(version));
  for (const byte of bytes) put(byte, 8);
  const room = capacity(version) * 8;
  put(0, Math.min(4, room - bits.length));
  put(0, (8 - (bits.length % 8)) % 8);
  for (let pad = 0xec; bits.length < room; pad ^= 0xec ^ 0x11) put(pad, 8);
  return Array.from({ length: bits.length / 8 }, (_, index) => bits.slice(index * 8, index * 8 + 8).reduce((byte, bit) => (byte << 1) | bit, 0));
}

/** Blocks with their correction, taken in turns. */
function interleaved(data, version) {
  const blocks = BLOCKS[version - 1];
  const correction = CORRECTION[version - 1];
  const raw = rawCodewords(version);
  const short = Math.floor(raw / blocks) - correction;
  const shortBlocks = blocks - (raw % blocks);
  const generator = Galois.generator(correction);
  const parts = [];
  for (let index = 0, from = 0; index < blocks; index++) {
    const part = data.slice(from, from + short + (index < shortBlocks ? 0 : 1));
    from += part.length;
    parts.push({ part, check: Galois.remainder(part, generator) });
  }
  const all = [];
  for (let index = 0; index <= short; index++) for (const { part } of parts) if (index < part.length) all.push(part[index]);
  for (let index = 0; index < correction; index++) for (const { check } of parts) all.push(check[index]);
  return all;
}

/** The square while it is being drawn. */
class Board {
  #version;
  #size;
  #dark;
  #fixed;

  constructor(version) {
    this.#version = version;
    this.#size = version * 4 + 17;
    this.#dark = this.#grid();
    this.#fixed = this.#grid();
    for (let at = 0; at < this.#size; at++) {
      this.#set(6, at, at % 2 === 0);
      this.#set(at, 6, at % 2 === 0);
    }
    for (const [x, y] of [[3, 3], [this.#size - 4, 3], [3, this.#size - 4]]) this.#finder(x, y);
    const places = this.#alignments();
    const last = places.length - 1;
    places.forEach((x, i) => places.forEach((y, j) => {
      const taken = (i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0);
      if (!taken) this.#alignment(x, y);
    }));
    this.#format(0);
    if (version >= 7) this.#versionBits();
  }

  placeData(codewords) {
    let bit = 0;
    for (let right = this.#size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5;
      for (let step = 0; step < this.#size; step++) {
        for (const x of [right, right - 1]) {
          const upward = ((right + 1) & 2) === 0;
          const y = upward ? this.#size - 1 - step : step;
          if (this.#fixed[y][x]) continue;
          // What is left over stays light.
          this.#dark[y][x] = bit < codewords.length * 8 && ((codewords[bit >> 3] >> (7 - (bit & 7))) & 1) === 1;
          bit += 1;
        }
      }
    }
  }

  masked(mask) {
    this.#format(mask);
    return this.#dark.map((row, y) => row.map((dark, x) => (this.#fixed[y][x] ? dark : dark !== (MASKS[mask](x, y) === 0))));
  }

  #grid() {
    return Array.from({ length: this.#size }, () => new Array(this.#size).fill(false));
  }

  #set(x, y, dark) {
    this.#dark[y][x] = dark;
    this.#fixed[y][x] = true;
  }

  #finder(centreX, centreY) {
    for (let dy = -4; dy <= 4; dy++) {
      for (let dx = -4; dx <= 4; dx++) {
        const [x, y] = [centreX + dx, centreY + dy];
        const ring = Math.max(Math.abs(dx), Math.abs(dy));
        if (x >= 0 && y >= 0 && x < this.#size && y < this.#size) this.#set(x, y, ring !== 2 && ring !== 4);
      }
    }
  }

  #alignment(centreX, centreY) {
    for (let dy = -2; dy <= 2; dy++) for (let dx = -2; dx <= 2; dx++) this.#set(centreX + dx, centreY + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
  }

  #alignments() {
    if (this.#version === 1) return [];
    const count = Math.floor(this.#version / 7) + 2;
    const step = this.#version === 32 ? 26 : Math.ceil((this.#version * 4 + 4) / (count * 2 - 2)) * 2;
    return [6, ...Array.from({ length: count - 1 }, (_, index) => this.#size - 7 - (count - 2 - index) * step)];
  }

  /** Level and mask with a BCH code, twice (clause 7.9). */
  #format(mask) {
    const data = (LEVEL << 3) | mask;
    let rest = data;
    for (let turn = 0; turn < 10; turn++) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
    const bits = ((data << 10) | rest) ^ 0x5412;
    const at = (index) => ((bits >>> index) & 1) === 1;
    for (let index = 0; index <= 5; index++) this.#set(8, index, at(index));
    this.#set(8, 7, at(6));
    this.#set(8, 8, at(7));
    this.#set(7, 8, at(8));
    for (let index = 9; index < 15; index++) this.#set(14 - index, 8, at(index));
    for (let index = 0; index < 8; index++) this.#set(this.#size - 1 - index, 8, at(index));
    for (let index = 8; index < 15; index++) this.#set(8, this.#size - 15 + index, at(index));
    this.#set(8, this.#size - 8, true);
  }

  /** The version with a Golay code, twice (clause 7.10). */
  #versionBits() {
    let rest = this.#version;
    for (let turn = 0; turn < 12; turn++) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
    const bits = (this.#version << 12) | rest;
    for (let index = 0; index < 18; index++) {
      const dark = ((bits >>> index) & 1) === 1;
      const a = this.#size - 11 + (index % 3);
      const b = Math.floor(index / 3);
      this.#set(a, b, dark);
      this.#set(b, a, dark);
    }
  }
}

/** How hard to read it is (clause 7.8.3): runs, squares, what looks like a finder, and too much of one colour. */
function penaltyOf(rows) {
  const size = rows.length;
  const columns = rows.map((_, x) => rows.map((row) => row[x]));
  let penalty = 0;
  for (const line of [...rows, ...columns]) {
    let length = 1;
    for (let at = 1; at <= size; at++) {
      if (at < size && line[at] === line[at - 1]) length += 1;
      else {
        if (length >= 5) penalty += length - 2;
        length = 1;
      }
    }
    const text = `0000${line.map(Number).join("")}0000`;
    for (let at = text.indexOf("1011101"); at >= 0; at = text.indexOf("1011101", at + 1)) {
      if (text.slice(at - 4, at) === "0000" || text.slice(at + 7, at + 11) === "0000") penalty += 40;
    }
  }
  for (let y = 1; y < size; y++) for (let x = 1; x < size; x++) {
    const one = rows[y][x];
    if (one === rows[y - 1][x] && one === rows[y][x - 1] && one === rows[y - 1][x - 1]) penalty += 3;
  }
  const dark = rows.flat().filter(Boolean).length;
  return penalty + Math.floor(Math.abs((dark * 100) / (size * size) - 50) / 5) * 10;
}
