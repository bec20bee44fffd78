// A sound that the soundtrack starts from, such as a temp track, and how far it is changed; for weights with the generator flow.

import { t } from "../texts.js";
import { button, fill, h, slider } from "../widgets.js";
import { facts } from "./clips.js";
import { openDrop } from "./drop.js";

/** @typedef {import("../types.js").Clip} Clip */

const HALFWAY = 0.5;

/** @param {any} about what the server says of itself @param {() => void} onchange told when `clip` or `strength` has changed
 * @returns {{element: HTMLElement, clip: Clip|null, strength: number, show: (clip: Clip|null, strength?: number) => void}} */
export function startFrom(about, onchange) {
  /** @type {Clip|null} */
  let clip = null;
  let strength = HALFWAY;
  const body = h("div.stack");
  const element = h("details.more", { hidden: !about.generators?.includes("flow"), dataset: { options: "start-from" } },
    h("summary", {}, t("start_from.heading")), body);

  /** @param {Clip} chosen */
  function take(chosen) {
    show(chosen, strength);
    onchange();
  }

  function choose() {
    const words = { title: t("start_from.drop"), hint: t("start_from.drop_hint") };
    openDrop(t("start_from.heading"), { name: "start", ...words, about, onclip: take }, (chosen) => (chosen.sound ? "" : t("reference.silent")));
  }

  /** @param {Clip} chosen */
  function shown(chosen) {
    const away = button(t("start_from.remove", { name: chosen.name }), () => {
      show(null);
      onchange();
      body.querySelector("button")?.focus();
    }, { icon: "close", name: "no-start" });
    const change = slider({ words: t("start_from.strength"), value: strength, min: 0, max: 1, step: 0.05, digits: 2, name: "strength", onchange: (value) => {
      strength = value;
      onchange();
    } });
    return [h("div.entry", { dataset: { clip: chosen.id } }, h("span.entry-name.ellipsis", { title: chosen.name }, chosen.name), h("span.hint", {}, facts(chosen)), away),
      change, h("p.hint", {}, t("start_from.hint"))];
  }

  /** @param {Clip|null} now @param {number} [by] */
  function show(now, by = HALFWAY) {
    [clip, strength] = [now, by];
    fill(body, now ? shown(now) : button(t("start_from.choose"), choose, { icon: "wave", shown: true, name: "start-from" }));
    if (now) element.open = true;
  }

  show(null);
  return { element, show, get clip() { return clip; }, get strength() { return strength; } };
}
