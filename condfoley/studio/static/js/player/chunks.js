// Pieces of the soundtrack as float32, fetched ahead and kept; those that an edit changed are fetched anew.

import * as api from "../api.js";

export const CHUNK = 6; // s
const KEPT = 32;
const AGAIN = 1000; // ms until a chunk that could not be fetched is asked for again

/** @typedef {{source: import("../types.js").Source, number: number, revision: number, buffer: AudioBuffer|null, stale:
 *   boolean,
 *   waited: boolean, ready: Promise<AudioBuffer|null>}} Chunk
 * stale: not to be heard any more once a new one is there. waited: somebody waits for `ready`. */

export class Chunks {
  /** @param {import("../store.js").Store} store @param {() => BaseAudioContext} context */
  constructor(store, context) {
    this.store = store;
    this.context = context;
    /** @type {Map<string, Chunk>} in order of use */
    this.kept = new Map();
  }

  /** The chunk, perhaps still on its way.
   * @param {import("../types.js").Source} source
   * @param {number} number
   * @returns {Chunk} */
  get(source, number) {
    const key = JSON.stringify([
      source.layers ?? null,
      source.candidate ?? null,
      source.revision ?? null,
      !!source.true,
      number,
    ]);
    let found = this.kept.get(key);
    if (!found || found.stale) {
      const revision = source.revision ?? this.store.server.revision;
      /** @type {Chunk} */
      const made = {
        source,
        number,
        revision,
        buffer: null,
        stale: false,
        waited: false,
        ready: Promise.resolve(null),
      };
      made.ready = this.load(made);
      found = made;
    }
    this.kept.delete(key);
    this.kept.set(key, found);
    for (const old of this.kept.keys()) {
      if (this.kept.size <= KEPT) break;
      this.kept.delete(old);
    }
    return found;
  }

  /** @param {Chunk} chunk */
  async load(chunk) {
    const begin = chunk.number * CHUNK;
    const end = Math.min(begin + CHUNK, this.store.view.duration);
    const { layers, candidate, true: own } = chunk.source;
    const query = { revision: chunk.revision, begin, end, layers, candidate, true: own };
    try {
      const answer = await api.request("GET", api.withQuery(`/api/projects/${this.store.id}/sound`, query));
      chunk.buffer = await this.context().decodeAudioData(await answer.arrayBuffer());
    } catch {
      setTimeout(() => (chunk.stale = true), AGAIN); // the server is away
    }
    return chunk.buffer;
  }

  /** After an edit: chunks of the current revision that sound different. null: all may.
   * @param {import("../types.js").Span[]|null} spans */
  changed(spans) {
    for (const chunk of this.kept.values()) {
      const { revision, candidate, true: own } = chunk.source;
      const [begin, end] = [chunk.number * CHUNK, (chunk.number + 1) * CHUNK];
      if (!(revision || candidate || own) && (spans === null || spans.some(([a, b]) => a < end && b > begin)))
        chunk.stale = true;
    }
  }
}
