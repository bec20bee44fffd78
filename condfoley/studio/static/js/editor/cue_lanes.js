// A lane of cues for each layer. Only cues in view have elements, which are moved, not made anew.

import { colours } from "../theme.js";
import { tool } from "../dom.js";
import { t } from "../texts.js";
import { h } from "../widgets.js";
import { cueElement, cueName, paintCue } from "./cue_element.js";
import { laneCanvas } from "./timeline.js";

const [HEIGHT, LOW, FEW] = [56, 42, 2]; // px of a lane, and where there are more than a few
const ROOM = 40; // px beside the view in which cues are drawn too
const DENSE = 14; // px between cues below which they are drawn small

/** @typedef {import("../types.js").Cue} Cue */
/** @typedef {{lane: import("./timeline.js").Lane, elements: Map<number, HTMLElement>, begin: ReturnType<typeof
 *   laneCanvas>["begin"],
 *   head: HTMLElement}} CueLane */

/** Index of a layer's colour. @param {import("../types.js").View} view @param {string} layer */
export const colourOf = (view, layer) => view.layers.find((one) => one.name === layer)?.colour ?? 0;

export class CueLanes {
  /** @param {import("../types.js").EditorContext} context */
  constructor(context) {
    this.context = context;
    /** @type {Map<string, CueLane>} by layer */
    this.lanes = new Map();
    /** @type {Map<number, Partial<Cue>>} values of cues that are being dragged */
    this.preview = new Map();
    /** @type {number|null} the cue that Tab goes to */
    this.primary = null;
    const { store } = context;
    store.on("view", () => this.update());
    store.on("selection", () => this.selected());
    store.on("solo lease", () => this.update());
    const repaint = () => this.invalidate();
    addEventListener("themechange", repaint);
    context.onLeave(() => removeEventListener("themechange", repaint));
    this.update();
  }

  /** Lanes as the view has layers. */
  update() {
    const { store, timeline } = this.context;
    const layers = store.view.layers.filter((layer) => !layer.ambience || this.cuesOf(layer.name).length);
    for (const [name, { lane }] of this.lanes) {
      if (layers.some((layer) => layer.name === name)) continue;
      lane.remove();
      this.lanes.delete(name);
    }
    for (const { name } of layers) if (!this.lanes.has(name)) this.lanes.set(name, this.addLane(name));
    for (const [name, { head, lane }] of this.lanes) {
      const layer = layers.find((one) => one.name === name);
      lane.height = layers.length > FEW ? LOW : HEIGHT;
      lane.row.style.setProperty("--layer", `var(--layer-${colourOf(store.view, name)})`);
      lane.row.classList.toggle("layer-off", !!layer?.muted || (store.solo.size > 0 && !store.solo.has(name)));
      head.querySelector("[data-what=mute]")?.setAttribute("aria-pressed", String(!!layer?.muted));
      head.querySelector("[data-what=mute]")?.toggleAttribute("disabled", !store.writable);
      head.querySelector("[data-what=solo]")?.setAttribute("aria-pressed", String(store.solo.has(name)));
    }
    timeline.arrange();
    this.invalidate();
  }

  /** @param {string} layer @returns {CueLane} */
  addLane(layer) {
    const { timeline, store } = this.context;
    const mute = tool(
      t("editor.mute_layer", { layer }),
      () => {
        const muted = store.view.layers.find((one) => one.name === layer)?.muted;
        return store.edit([{ op: "layer", layer, values: { muted: !muted } }]);
      },
      { icon: "mute", kind: "quiet.small" },
    );
    mute.dataset.what = "mute";
    const solo = tool(t("editor.solo_layer", { layer }), () => store.toggleSolo(layer), {
      icon: "solo",
      kind: "quiet.small",
    });
    solo.dataset.what = "solo";
    const head = h("div", {}, h("span.lane-dot"), h("span.lane-name", { title: layer }, layer), mute, solo);
    const lane = timeline.addLane({
      id: `cues:${layer}`,
      label: t("editor.lanes.cues", { layer }),
      height: HEIGHT,
      grow: 1,
      most: 100,
      head,
      after: this.last(),
      draw: () => this.draw(layer),
    });
    const { begin } = laneCanvas(lane);
    const list = h("div.cue-list", {
      role: "listbox",
      "aria-multiselectable": "true",
      "aria-orientation": "horizontal",
      "aria-label": t("editor.lanes.cues", { layer }),
    });
    list.dataset.layer = layer;
    lane.body.append(list);
    return { lane, elements: new Map(), begin, head };
  }

  /** Id of the lane below which a new one goes. */
  last() {
    const lanes = [...this.lanes.values()];
    return lanes.length ? lanes[lanes.length - 1].lane.id : "picture";
  }

  /** Cues of a layer with what is being dragged, in order of time. @param {string} layer @returns {Cue[]} */
  cuesOf(layer) {
    return this.cues().filter((cue) => cue.layer === layer);
  }

  /** All cues with what is being dragged, in order of time. @returns {Cue[]} */
  cues() {
    const { cues } = this.context.store.view;
    const all = this.preview.size ? cues.map((cue) => ({ ...cue, ...this.preview.get(cue.id) })) : [...cues];
    return all.sort((a, b) => a.time - b.time);
  }

  invalidate() {
    for (const { lane } of this.lanes.values()) lane.invalidate();
  }

  selected() {
    const { selection } = this.context.store;
    if (selection.size && (this.primary === null || !selection.has(this.primary)))
      this.primary = [...selection][selection.size - 1];
    this.invalidate();
  }

  /** @param {string} layer */
  draw(layer) {
    const found = this.lanes.get(layer);
    if (!found) return;
    const { timeline, store } = this.context;
    const cues = this.cuesOf(layer);
    const first = timeline.time(-ROOM);
    const last = timeline.time(timeline.width + ROOM);
    // The cue that has the focus is not taken away by scrolling.
    const focused = Number(/** @type {HTMLElement|null} */ (document.activeElement)?.dataset.cue ?? NaN);
    const seen = cues.filter(
      (cue) => (cue.time <= last && cue.time + (cue.duration ?? 0) >= first) || cue.id === focused,
    );
    const dense = cues.length > 1 && (timeline.scale * timeline.duration) / cues.length < DENSE;
    this.drawSounds(found, seen, layer);
    const focusable = cues.some((cue) => cue.id === this.primary) ? this.primary : (seen[0]?.id ?? null);
    const list = /** @type {HTMLElement} */ (found.lane.body.lastElementChild);
    list.tabIndex = seen.length ? -1 : 0; // so that the focus always has a place
    const gone = new Set(found.elements.keys());
    const fresh = [];
    for (const cue of seen) {
      gone.delete(cue.id);
      const made = found.elements.get(cue.id) ?? cueElement(cue.id);
      if (!found.elements.has(cue.id)) {
        found.elements.set(cue.id, made);
        fresh.push(made);
      }
      paintCue(made, cue, {
        x: timeline.x(cue.time),
        scale: timeline.scale,
        height: found.lane.tall,
        selected: store.selection.has(cue.id),
        focusable: cue.id === focusable,
        dense,
      });
      made.setAttribute("aria-setsize", String(cues.length));
      made.setAttribute("aria-posinset", String(cues.indexOf(cue) + 1));
    }
    list.append(...fresh);
    for (const id of gone) {
      const made = found.elements.get(id);
      if (made === document.activeElement) list.focus();
      made?.remove();
      found.elements.delete(id);
    }
  }

  /** Where each cue's sound lies. @param {CueLane} found @param {Cue[]} cues @param {string} layer */
  drawSounds({ begin }, cues, layer) {
    const { timeline, store } = this.context;
    const { context: pen, height } = begin();
    pen.fillStyle = colours([`layer-${colourOf(store.view, layer)}`])[`layer-${colourOf(store.view, layer)}`];
    for (const cue of cues) {
      if (!cue.has_sound) continue;
      pen.globalAlpha = cue.muted ? 0.1 : store.selection.has(cue.id) ? 0.45 : 0.22;
      const x = timeline.x(cue.begin);
      pen.fillRect(x, height - 5, Math.max(1, timeline.x(cue.end) - x - 1), 4);
    }
    pen.globalAlpha = 1;
  }

  /** Puts the keyboard's focus on a cue. @param {number} id */
  focus(id) {
    this.primary = id;
    const cue = this.context.store.cue(id);
    if (!cue) return;
    this.context.timeline.reveal(cue.time);
    for (const layer of this.lanes.keys()) this.draw(layer);
    this.lanes.get(cue.layer)?.elements.get(id)?.focus({ preventScroll: false });
  }

  /** What a cue is called. @param {number} id */
  name(id) {
    const found = this.cues().find((cue) => cue.id === id);
    return found ? cueName(found) : "";
  }
}
