// Earlier versions: listen to one against the current one, or against the target's own sound; go back to one.

import * as api from "../api.js";
import { t } from "../texts.js";
import { button, fill, h } from "../widgets.js";

/** @param {import("../types.js").EditorContext} context @returns {import("./panels.js").Panel} */
export function versionPanel(context) {
  const { store, player, commands, onLeave } = context;
  const compare = h("fieldset.segmented.compare", {});
  const list = h("ol.versions", { reversed: true, "aria-label": t("versions.heading") });
  let drawn = "";
  /** the version that B is; null: the one before the current one */
  let against = /** @type {number|null} */ (null);

  const current = () => store.server.revision;
  const former = () => against ?? store.view.undo_to;
  const listening = () => (player.source.true ? "true" : player.source.revision ? "former" : "now");

  /** @param {string} what "now", "former" or "true" */
  function listen(what) {
    player.setSource(what === "true" ? { true: true } : what === "former" && former() !== null ? { revision: former() } : {});
  }

  function drawCompare() {
    const former_ = former();
    const choices = /** @type {[string, string, boolean][]} */ ([["now", t("versions.now"), true],
      ["former", former_ === null ? t("versions.no_former") : t("versions.former", { number: former_ }), former_ !== null],
      ["true", t("versions.true"), Boolean(store.clip?.sound)]]);
    fill(compare, h("legend", {}, t("versions.listen")), choices.map(([value, words, there]) => h("label", {},
      h("input", { type: "radio", name: "compare", value, checked: value === listening(), disabled: !there, onchange: () => listen(value) }), h("span", {}, words))));
  }

  async function draw() {
    drawCompare();
    const now = `${current()} ${store.writable} ${against}`;
    if (now === drawn) return;
    drawn = now;
    /** @type {{revision: number, changed: string, words: string}[]} */
    const known = await api.revisions(store.id);
    fill(list, [...known].reverse().map(row));
  }

  /** @param {{revision: number, changed: string, words: string}} kept */
  function row({ revision, changed, words }) {
    const here = revision === current();
    const name = t("versions.number", { number: revision });
    return h(`li.version${here ? ".current" : ""}`, { "aria-current": here ? "true" : null },
      h("span.grow", {}, name, h("small.hint", {}, when(changed)), h("small.words", { title: words }, words)),
      here ? h("span.chip", {}, t("versions.current")) : [
        button(t("versions.compare", { name }), () => ((against = revision), (drawn = ""), listen("former"), draw()), { icon: "compare", name: "compare", id: String(revision), pressed: against === revision }),
        button(t("versions.go", { name }), () => ((against = null), player.setSource({}), store.goTo(revision)), { icon: "history", name: "go-to", id: String(revision), disabled: !store.writable })]);
  }

  commands.add({ id: "compare", keys: ["b"], label: t("versions.toggle"), group: "play",
    run: () => listen(listening() === "now" ? "former" : "now"), when: () => former() !== null });
  player.addEventListener("state", drawCompare);
  onLeave(() => player.removeEventListener("state", drawCompare));
  return { element: h("div.halves", {}, h("div.stack", {}, compare, h("p.hint", {}, t("versions.hint"))), h("div.stack", {}, h("h2", {}, t("versions.heading")), list)), draw: () => void draw() };
}

/** @param {string} moment ISO time */
function when(moment) {
  return new Intl.DateTimeFormat(undefined, { timeStyle: "medium", dateStyle: "short" }).format(new Date(moment));
}
