// The banner while the server is away, and the word when it is back.

import * as api from "../api.js";
import { toast } from "../dom.js";
import { t } from "../texts.js";
import { h } from "../widgets.js";

const EVERY = 1500; // ms between two questions whether the server is back

/** @param {HTMLElement} banner */
export function watchConnection(banner) {
  const line = h("div.banner.warn", { hidden: true, dataset: { banner: "offline" } });
  banner.append(line);
  let asking = 0;

  api.connection.addEventListener("offline", () => {
    line.hidden = false;
    line.textContent = t("connection.lost");
    clearInterval(asking);
    asking = setInterval(() => api.about().catch(() => {}), EVERY); // an answer makes the connection tell "online"
  });
  api.connection.addEventListener("online", () => {
    clearInterval(asking);
    line.hidden = true;
    line.textContent = "";
    toast(t("connection.back"));
  });
}
