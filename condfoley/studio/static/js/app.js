// Start: texts, theme, and which of the two screens is shown: "#/" start, "#/project/ID" the editor.

import { openEditor } from "./editor/editor.js";
import { watchConnection } from "./panels/connection.js";
import { openStart } from "./start/start.js";
import { toast } from "./dom.js";
import { loadTexts, t } from "./texts.js";
import { applyTheme } from "./theme.js";
import { h } from "./widgets.js";

/** What closes the screen that is shown. @type {() => void} */
let close = () => {};
let turn = 0;

async function show() {
  const mine = ++turn;
  close();
  close = () => {};
  // A screen that comes too late fills what is not shown any more.
  const [root, topbar] = [h("div.screen"), h("div.screen")];
  document.getElementById("app")?.replaceChildren(root);
  document.getElementById("topbar")?.replaceChildren(topbar);
  const project = location.hash.match(/^#\/project\/([0-9a-f]{16})$/)?.[1];
  document.body.dataset.screen = project ? "editor" : "start";
  try {
    const opened = project ? await openEditor(root, topbar, project) : await openStart(root, topbar);
    if (mine === turn) close = opened;
    else opened();
  } catch (error) {
    if (mine !== turn) return;
    root.replaceChildren(
      h(
        "div.failed",
        {},
        h("p", { role: "alert" }, /** @type {Error} */ (error).message),
        h("a", { href: "#/" }, t("app.back")),
      ),
    );
  }
}

applyTheme();
await loadTexts();
document.title = t("app.title");
watchConnection(/** @type {HTMLElement} */ (document.getElementById("banner")));
addEventListener("hashchange", show);
addEventListener("unhandledrejection", (event) => toast(String(event.reason?.message ?? event.reason), "error"));
await show();
