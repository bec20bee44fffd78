// A View as operations will leave it, as far as the page can tell: drawn until the server's comes.

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").Cue} Cue */
/** @typedef {import("./types.js").Operation} Operation */

/** The View as it will probably be after operations, for drawing until the server's comes.
 * @param {View} view @param {Operation[]} operations @returns {View} */
export function foreseen(view, operations) {
  let { cues, layers, master } = view;
  for (const one of operations) {
    if (one.op === "change") cues = cues.map((cue) => (cue.id === one.cue ? changed(cue, one.values) : cue));
    else if (one.op === "remove") cues = cues.filter((cue) => cue.id !== one.cue);
    else if (one.op === "layer")
      layers = layers.map((layer) => (layer.name === one.layer ? { ...layer, ...one.values } : layer));
    else if (one.op === "master") master = { ...master, ...one.values };
    else if (one.op === "add") cues = [...cues, added(one.values, cues)];
  }
  return { ...view, cues, layers, master };
}

/** @param {Cue} cue @param {Partial<Cue>} values @returns {Cue} */
function changed(cue, values) {
  const by = (values.time ?? cue.time) - cue.time;
  return { ...cue, ...values, begin: cue.begin + by, end: cue.end + by };
}

/** @param {any} values @param {Cue[]} cues @returns {Cue} */
function added(values, cues) {
  const id = Math.min(0, ...cues.map((cue) => cue.id)) - 1; // until the server names it
  const plain = { kind: "impact", duration: null, confidence: null, layer: "main", gain: 0, pan: 0, strength: 0.5 };
  const none = { locked: false, muted: false, reference_at: null, reference: null, seen: false, has_sound: true, made_of: null, pinned: false, alternatives: 0 };
  return { ...plain, ...none, id, begin: values.time, end: values.time + 0.1, ...values };
}

/** Whether a View already shows what an operation asks for. @param {View} view @param {Operation} one */
export function isDone(view, one) {
  const near = (/** @type {any} */ a, /** @type {any} */ b) =>
    a === b || (typeof a === "number" && Math.abs(a - b) < 1e-4);
  const shows = (/** @type {any} */ there) =>
    Object.entries(one.values).every(([name, value]) => near(there[name], value));
  if (one.op === "change") return view.cues.some((cue) => cue.id === one.cue && shows(cue));
  if (one.op === "layer") return view.layers.some((layer) => layer.name === one.layer && shows(layer));
  if (one.op === "master") return shows(view.master);
  if (one.op === "remove") return !view.cues.some((cue) => cue.id === one.cue);
  if (one.op === "add") return view.cues.some((cue) => near(cue.time, one.values.time));
  return false;
}
