// Further recordings of the reference's material: the model listens to the clearest part of all, the sound is made of all.

import { t } from "../texts.js";
import { button, fill, h } from "../widgets.js";
import { facts } from "./clips.js";
import { openDrop } from "./drop.js";
import { openFitting } from "./fitting.js";

/** @typedef {import("../types.js").Clip} Clip */

const MOST = 15; // beside the first one

/** @param {any} about what the server says of itself @param {() => Clip|null} first the recording beside which they are
 * @param {() => void} onchange told when `clips` has changed
 * @returns {{element: HTMLElement, clips: Clip[], show: (clips: Clip[]) => void}} */
export function moreReferences(about, first, onchange) {
  /** @type {Clip[]} */
  let clips = [];
  const list = h("ul.plain-list", { "aria-label": t("more_references.list") });
  const hint = h("p.hint", {}, t("more_references.hint"));
  const add = button(t("more_references.add"), choose, { icon: "plus", shown: true, name: "add-reference" });
  const similar = button(t("fitting.similar"), seek, { icon: "folder", shown: true, name: "similar", hidden: !about.finds });
  const element = h("div.stack", { dataset: { more: "references" } }, list, hint, h("div.row.wrap", {}, add, similar));

  /** Why a recording cannot be added; empty: it can. @param {Clip} clip */
  function refusal(clip) {
    if ([first(), ...clips].some((one) => one?.id === clip.id)) return t("more_references.known", { name: clip.name });
    return clip.sound ? "" : t("reference.silent");
  }

  /** @param {Clip} clip */
  function take(clip) {
    show([...clips, clip]);
    onchange();
  }

  /** Sounds of the library that are like the first recording. */
  function seek() {
    const reference = first();
    if (reference) void openFitting(reference, take, refusal);
  }

  function choose() {
    const words = { title: t("start.drop_reference"), hint: t("more_references.drop_hint") };
    openDrop(t("more_references.heading"), { name: "reference", ...words, about, onclip: take }, refusal);
  }

  /** @param {Clip} clip */
  function entry(clip) {
    return h("li.entry", { dataset: { clip: clip.id } }, h("span.entry-name.ellipsis", { title: clip.name }, clip.name), h("span.hint", {}, facts(clip)),
      button(t("more_references.remove", { name: clip.name }), () => {
        show(clips.filter((one) => one !== clip));
        onchange();
        add.focus();
      }, { icon: "close" }));
  }

  /** @param {Clip[]} now */
  function show(now) {
    clips = now;
    fill(list, clips.map(entry));
    list.hidden = hint.hidden = !clips.length;
    add.disabled = similar.disabled = clips.length >= MOST;
  }

  show([]);
  return { element, show, get clips() { return clips; } };
}
