// The banner over a project that cannot be changed from here, and why: such as when another tab has it.

import { t } from "../texts.js";
import { h } from "../widgets.js";

/** @param {import("../types.js").EditorContext} context */
export function mountLease({ store, onLeave }) {
  const line = h("div.banner.warn", { hidden: true, dataset: { banner: "read-only" } });
  document.getElementById("banner")?.append(line);
  const draw = () => {
    line.hidden = store.writable;
    line.textContent = store.writable ? "" : t("lease.read_only", { why: store.why });
    document.body.classList.toggle("read-only", !store.writable);
  };
  draw();
  onLeave(store.on("lease", draw));
  onLeave(() => {
    line.remove();
    document.body.classList.remove("read-only");
  });
}
