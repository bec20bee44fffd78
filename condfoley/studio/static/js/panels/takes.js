// The candidates of each layer as lanes: where they sound, what of them is used, and another one in one click.

import { t, time as clock } from "../texts.js";
import { button, fill, h } from "../widgets.js";

/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../types.js").Candidate} Candidate */

/** @param {import("../types.js").EditorContext} context @returns {import("./panels.js").Panel} */
export function takePanel(context) {
  const { store, player, onLeave } = context;
  const where = h("p.hint", { role: "status" });
  const lists = h("div.stack");
  let drawn = "";

  function draw() {
    where.textContent = store.span ? t("takes.span", { begin: clock(store.span[0]), end: clock(store.span[1]) }) : t("takes.whole");
    const layers = store.view.layers.filter((layer) => !layer.ambience);
    const now = JSON.stringify([store.writable, layers.map(({ name, candidates, takes }) => [name, candidates.length, takes])]);
    if (now !== drawn) {
      drawn = now;
      fill(lists, layers.map((layer) => section(context, layer)), !layers.some((layer) => layer.candidates.length) && h("p", {}, t("takes.none")));
    }
    for (const hear of lists.querySelectorAll("[data-do=hear-candidate]"))
      hear.setAttribute("aria-pressed", String(player.source.candidate === hear.dataset.of));
  }

  player.addEventListener("state", draw);
  onLeave(() => player.removeEventListener("state", draw));
  return { element: h("div.stack", {}, where, lists), draw };
}

/** @param {import("../types.js").EditorContext} context @param {Layer} layer */
function section(context, layer) {
  const several = context.store.view.layers.filter((one) => !one.ambience).length > 1;
  const best = [...layer.candidates].sort((a, b) => (b.score ?? -1) - (a.score ?? -1))[0];
  return layer.candidates.length > 0 && h("section.stack", {}, several && h("h2", {}, layer.name),
    h("ol.candidates", {}, layer.candidates.map((candidate, place) => lane(context, layer, candidate, place, candidate === best && candidate.score !== null))));
}

/** @param {import("../types.js").EditorContext} context @param {Layer} layer @param {Candidate} candidate @param {number} place
 * @param {boolean} best */
function lane({ store, player }, layer, candidate, place, best) {
  const name = t("takes.name", { number: place + 1 });
  const share = (/** @type {number} */ time) => `${(100 * time) / store.view.duration}%`;
  const used = layer.takes.flatMap((take, k) => take.sound === candidate.sound ? [[take.start, layer.takes[k + 1]?.start ?? store.view.duration]] : []);
  const hear = () => {
    const heard = player.source.candidate === candidate.sound;
    player.setSource(heard ? {} : { candidate: candidate.sound });
    if (!heard) void player.play();
    else player.pause();
  };
  const use = () => {
    const [begin, end] = store.span ?? [null, null];
    player.setSource({});
    void store.edit([{ op: "take", layer: layer.name, sound: candidate.sound, begin, end }]);
  };
  return h("li.candidate", { title: t("takes.facts", { seed: candidate.seed, count: candidate.onsets.length }) },
    h("div.row", {}, h("span.grow", {}, name, best && h("span.chip", {}, t("takes.best")), used.length > 0 && h("span.chip.used", {}, t("takes.used"))),
      candidate.score !== null && h("span.number.hint", { title: t("takes.score") }, candidate.score.toFixed(2)),
      button(t("takes.hear", { name }), hear, { icon: "play", name: "hear-candidate", id: candidate.sound, pressed: false }),
      button(t("takes.use", { name }), use, { icon: "check", name: "use-candidate", id: candidate.sound, disabled: !store.writable })),
    h("div.onsets", { "aria-hidden": "true" }, used.map(([begin, end]) => h("i.take", { style: { left: share(begin), width: share(end - begin) } })),
      candidate.onsets.map((onset) => h("i.onset", { style: { left: share(onset) } }))));
}
