// Choose a clip that the server has: from the folder given at its start, the example, or one uploaded before.

import * as api from "../api.js";
import { size, t, time as clock } from "../texts.js";
import { button, fill, h, openDialog } from "../widgets.js";

const EXAMPLE = "example:";

/** @typedef {import("../types.js").Clip} Clip */

/** @param {(clip: Clip) => void} onclip called once, when the user has chosen */
export async function openLibrary(onclip) {
  const error = h("p.error", { role: "alert", hidden: true });
  const list = h("div.stack", {}, h("p", { role: "status" }, t("library.loading")));
  const { close } = openDialog(t("library.heading"), error, list);

  /** @param {() => Promise<Clip>} get */
  async function choose(get) {
    try {
      const clip = await get();
      close();
      onclip(clip);
    } catch (problem) {
      fail(problem);
    }
  }

  /** @param {any} problem */
  function fail(problem) {
    error.hidden = false;
    error.textContent = problem.message;
  }

  try {
    const [files, clips] = await Promise.all([api.library(), api.clips()]);
    fill(list,
      section(t("library.folder"), files.map((/** @type {any} */ file) =>
        entry(nameOf(file.name), size(file.bytes), () => choose(() => api.clipFromLibrary(file.name))))),
      section(t("library.uploaded"), clips.map((/** @type {Clip} */ clip) =>
        entry(clip.name, `${clock(clip.duration, 1)}, ${size(clip.bytes)}`, () => choose(() => Promise.resolve(clip)),
          () => api.removeClip(clip.id).catch(fail)))),
      !files.length && !clips.length && h("p", {}, t("library.empty")));
  } catch (problem) {
    fill(list);
    fail(problem);
  }
}

/** The example pair's names in the library, reference and target, or null where the server has none.
 * @returns {Promise<string[]|null>} */
export async function examplePair() {
  const names = (await api.library()).map((/** @type {any} */ file) => file.name).filter((/** @type {string} */ name) => name.startsWith(EXAMPLE));
  const target = names.find((/** @type {string} */ name) => name.includes("silent"));
  const reference = names.find((/** @type {string} */ name) => name !== target);
  return reference && target ? [reference, target] : null;
}

/** @param {string} name */
function nameOf(name) {
  return name.startsWith(EXAMPLE) ? t("library.example", { name: name.slice(EXAMPLE.length) }) : name;
}

/** @param {string} heading @param {HTMLElement[]} entries */
function section(heading, entries) {
  return entries.length > 0 && h("section", {}, h("h3", {}, heading), h("ul.plain-list", {}, entries));
}

/** @param {string} name @param {string} note @param {() => void} use @param {() => Promise<any>} [remove] */
function entry(name, note, use, remove) {
  const row = h("li.entry", {}, h("span.entry-name.ellipsis", { title: name }, name), h("span.hint", {}, note),
    button(t("library.use"), use, { "aria-label": t("library.use_named", { name }) }),
    remove && button(t("library.remove", { name }), () => remove().then(() => row.remove()), { icon: "trash" }));
  return row;
}
