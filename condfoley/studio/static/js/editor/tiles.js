// Pictures of a long sound or film in tiles: levels that double in detail, fetched when they come into view.

const AT_ONCE = 3; // requests of one lane
const AGAIN = 1500; // ms until a tile that could not be fetched is asked for again

/** @template T
 * @typedef {{level: number, index: number, value: T|null, stale: boolean, loading: boolean, used: number}} Tile */

/** @template T */
export class Tiles {
  /** load(begin, end, level) fetches the part of a tile; seconds(level): how long one is, half as long as at the level
   * before. onReady is called when a tile came. kept: number of tiles.
   * @param {{load: (begin: number, end: number, level: number) => Promise<T>, seconds: (level: number) => number,
   *   duration: number, onReady: () => void, kept?: number}} given */
  constructor({ load, seconds, duration, onReady, kept = 160 }) {
    this.load = load;
    this.seconds = seconds;
    this.duration = duration;
    this.onReady = onReady;
    this.limit = kept;
    /** @type {Map<string, Tile<T>>} */
    this.tiles = new Map();
    this.clock = 0;
    this.generation = 0;
    this.active = 0;
    /** @type {Set<Tile<T>>} to be fetched, unless they go out of view before */
    this.wanted = new Set();
  }

  /** Tiles to draw for a span: of the level, or of coarser ones where it is not there yet.
   * @param {number} level @param {number} begin s @param {number} end s
   * @returns {{begin: number, end: number, from: number, to: number, value: T, level: number}[]} begin, end: the whole
   *   tile; from, to: the part to draw, s */
  cover(level, begin, end) {
    const long = this.seconds(level);
    const found = [];
    for (let index = Math.max(0, Math.floor(begin / long)); index * long < Math.min(end, this.duration); index++) {
      const own = this.get(level, index);
      let tile = own;
      for (let up = 1; !tile.value && up <= 6; up++) tile = this.tiles.get(`${level - up} ${index >> up}`) ?? own;
      if (!tile.value) continue;
      const whole = this.seconds(tile.level);
      found.push({
        begin: tile.index * whole,
        end: Math.min((tile.index + 1) * whole, this.duration),
        from: index * long,
        to: Math.min((index + 1) * long, this.duration),
        value: tile.value,
        level: tile.level,
      });
    }
    return found;
  }

  /** The tile, whose value comes later. @param {number} level @param {number} index @returns {Tile<T>} */
  get(level, index) {
    const key = `${level} ${index}`;
    let tile = this.tiles.get(key);
    if (!tile) {
      tile = { level, index, value: null, stale: true, loading: false, used: 0 };
      this.tiles.set(key, tile);
    }
    tile.used = ++this.clock;
    if (tile.stale && !tile.loading) {
      this.wanted.add(tile);
      if (this.active < AT_ONCE) void this.fetch(tile);
    }
    return tile;
  }

  /** Fetches those that were drawn last; others are asked for again when they are drawn again. */
  next() {
    const newest = Math.max(...[...this.wanted].map((tile) => tile.used));
    for (const tile of this.wanted) {
      if (tile.used < newest - 40) this.wanted.delete(tile);
      else if (this.active < AT_ONCE) void this.fetch(tile);
    }
  }

  /** @param {Tile<T>} tile */
  async fetch(tile) {
    this.wanted.delete(tile);
    this.active++;
    tile.loading = true;
    tile.stale = false;
    const generation = this.generation;
    const begin = tile.index * this.seconds(tile.level);
    try {
      const value = await this.load(begin, Math.min(begin + this.seconds(tile.level), this.duration), tile.level);
      if (generation === this.generation) tile.value = value;
    } catch {
      setTimeout(() => ((tile.stale = true), this.onReady()), AGAIN); // the server is away
    }
    this.active--;
    tile.loading = false;
    this.next();
    if (generation !== this.generation) return;
    this.forget();
    this.onReady();
  }

  forget() {
    if (this.tiles.size <= this.limit) return;
    const old = [...this.tiles].filter(([, tile]) => !tile.loading).sort(([, a], [, b]) => a.used - b.used);
    for (const [key] of old.slice(0, this.tiles.size - this.limit)) this.tiles.delete(key);
  }

  /** Spans that look different now; tiles are shown as they were until the new ones come. null: everything.
   * @param {import("../types.js").Span[]|null} spans */
  changed(spans) {
    for (const tile of this.tiles.values()) {
      const long = this.seconds(tile.level);
      const [begin, end] = [tile.index * long, (tile.index + 1) * long];
      if (spans === null || spans.some(([a, b]) => a < end && b > begin)) tile.stale = true;
    }
    this.onReady();
  }

  /** Forgets everything, as for another sound. */
  clear() {
    this.generation++;
    this.tiles.clear();
    this.wanted.clear();
    this.onReady();
  }
}

/** The level whose detail (2^level a second) is at least `wanted` a second, within limits.
 * @param {number} wanted @param {number} lowest @param {number} highest */
export const levelFor = (wanted, lowest, highest) => Math.max(lowest, Math.min(highest, Math.ceil(Math.log2(wanted))));
