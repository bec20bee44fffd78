// Types of the HTTP contract and of what modules hand to each other. No code.

/** @typedef {number[]} Span [begin, end] in seconds of the target */

/** @typedef {{id: number, time: number, strength: number|null, kind: "impact"|"slide", duration: number|null,
 *   confidence: number|null, layer: string, gain: number, pan: number, locked: boolean, muted: boolean,
 *   reference_at: number|null, reference: string|null, seen: boolean, has_sound: boolean,
 *   made_of: "recorded"|"grains"|"vocoder"|null, pinned: boolean, alternatives: number, begin: number, end: number}}
 * Cue
 * time, duration, reference_at, begin, end: s. reference: id of the clip that reference_at is of. gain: dB. begin, end: where its sound lies in the target.
 * made_of: one moment of the reference, grains of it, or the model's own sound; null: not known. pinned: it is to sound like another moment when it is drawn anew. */

/** @typedef {{sound: string, seed: number, score: number|null, onsets: number[]}} Candidate */
/** @typedef {{start: number, sound: string, moved: number}} Take */
/** @typedef {{loudness: number|null, true_peak: number, bits: string, room: string, room_gain: number}} Master */
/** @typedef {{name: string, gain: number, muted: boolean, colour: number, ambience: boolean, reference_start: number|null,
 *   candidates: Candidate[], takes: Take[]}} Layer */

/** @typedef {{id: string, name: string, revision: number, can_undo: boolean, can_redo: boolean, undo_to: number|null,
 *   redo_to: number|null, duration: number, rate: number, channels: number, target: string|null,
 *   references: Record<string, string|null>, master: Master, layers: Layer[], cues: Cue[], scene_cuts: number[],
 *   loudness: {integrated_lufs: number|null, true_peak_db: number|null, pending?: boolean}, writable: boolean, why:
 * string,
 *   notes: string[], changed: Span[]|null}} View */

/** @typedef {{id: string, name: string, bytes: number, duration: number,
 *   picture: {width: number, height: number, fps: number}|null, sound: {rate: number, channels: number}|null,
 *   timecode: string|null, media: {state: "ready"|"preparing"|"failed", proxy: boolean, note: string, error: string}}}
 * Clip */

/** @typedef {{state: "running"|"done"|"failed", error: string, onsets: {time: number, strength: number}[]|null,
 *   impacts: {time: number, confidence: number, strength: number}[]|null,
 *   curve: {fps: number, probability: number[]}|null}} Events */

/** @typedef {{id: string, kind: string, state: "queued"|"running"|"done"|"failed"|"cancelled", position: number,
 *   stage: string, progress: number, error: string, notes: string[], project: string|null, file: string|null}} Job */

/** @typedef {Record<string, any>} Operation one of `operations` of POST /api/projects/ID/edits */

/** What is heard. Nothing set: the current revision with all its layers.
 * @typedef {{layers?: string[]|null, candidate?: string|null, revision?: number|null, true?: boolean}} Source */

/** What every module of the editor gets.
 * @typedef {{
 *   about: any,
 *   store: import("./store.js").Store,
 *   player: import("./player.js").Player,
 *   timeline: import("./editor/timeline.js").Timeline,
 *   commands: import("./editor/commands.js").Commands,
 *   slots: {panels: HTMLElement, topbar: HTMLElement, meters: HTMLElement, tools: HTMLElement},
 *   actions: import("./editor/actions.js").Actions, lanes: import("./editor/cue_lanes.js").CueLanes,
 *   onLeave: (action: () => void) => void}} EditorContext
 * about: what the server says of itself. slots: where panels go:
 * `panels` beside the picture, `topbar` at the right of the top bar, `meters` beside the picture, `tools` in the row
 * of the transport. onLeave(action): run when the editor is closed. */

export {};
