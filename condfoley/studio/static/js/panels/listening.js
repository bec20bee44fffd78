// What is heard when it is not the current soundtrack, said beside the transport; one click goes back to that.

import { tool } from "../dom.js";
import { t } from "../texts.js";
import { fill } from "../widgets.js";

/** @param {import("../types.js").EditorContext} context */
export function mountListening({ store, player, slots, onLeave }) {
  let shown = "";

  function draw() {
    const words = wordsOf(player.source, store.view);
    if (words === shown) return;
    shown = words;
    fill(slots.tools, words && tool(t("listening.heard", { what: words }), () => player.setSource({}), { icon: "close", shown: true, kind: "listening", name: "hear-now" }));
  }

  player.addEventListener("state", draw);
  onLeave(() => player.removeEventListener("state", draw));
  draw();
}

/** @param {import("../types.js").Source} source @param {import("../types.js").View} view */
function wordsOf(source, view) {
  if (source.true) return t("versions.true");
  if (source.revision) return t("versions.number", { number: source.revision });
  const all = view.layers.flatMap(({ candidates }) => candidates.map((one, place) => ({ key: one.sound, number: place + 1 })));
  const take = all.find(({ key }) => key === source.candidate);
  return take ? t("takes.name", { number: take.number }) : "";
}
