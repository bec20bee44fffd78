// A big zone to drop a file on, with the other ways to choose a clip; progress and errors show in its place.

import * as api from "../api.js";
import { size, t } from "../texts.js";
import { button, fill, h, openDialog } from "../widgets.js";
import { openLibrary } from "./library.js";

/** @param {{title: string, hint: string, name: "reference"|"target"|"start", about: any, extra?: HTMLElement[],
 *   onclip: (clip: import("../types.js").Clip) => void}} given name: how tests find it
 * @returns {{element: HTMLElement, take: (files: FileList|null|undefined) => void}} take: as if they were dropped */
export function dropZone({ title, hint, name, about, onclip, extra = [] }) {
  const input = h("input.visually-hidden", { type: "file", accept: "video/*,audio/*,.mkv,.mov,.mxf,.flac", tabIndex: -1,
    "aria-label": title, dataset: { upload: name }, onchange: () => take(input.files) });
  const error = h("p.error", { role: "alert", hidden: true });
  const idle = [h("span.icon.icon-upload", { "aria-hidden": "true" }), h("h3", {}, title), h("p.hint", {}, hint),
    h("div.row.center.wrap", {}, button(t("start.choose_file"), () => input.click(), { kind: "primary", name: "choose-file", id: name }),
      button(t("start.library"), () => openLibrary(onclip), { name: "library", id: name }), extra),
    error];
  const zone = h("div.drop-zone", { role: "group", "aria-label": title, dataset: { zone: name } }, input, idle);
  receiveDrops(zone, take);

  /** @param {FileList|null|undefined} files */
  function take(files) {
    const file = files?.[0];
    if (!file) return;
    const limit = about.limits?.upload_bytes ?? Infinity;
    if (!file.size) fail(t("upload.empty", { name: file.name }));
    else if (file.size > limit) fail(t("upload.too_large", { name: file.name, size: size(file.size), limit: size(limit) }));
    else void send(file);
  }

  /** @param {File} file */
  async function send(file) {
    const bar = h("progress", { max: 1, value: 0, "aria-label": t("upload.progress", { name: file.name }) });
    const words = h("p", { role: "status" }, t("upload.sending", { name: file.name, size: size(file.size) }));
    const sending = api.upload(file, file.name, (part) => {
      bar.value = part;
      if (part === 1) words.textContent = t("upload.reading", { name: file.name });
    });
    fill(zone, words, bar, button(t("action.cancel"), sending.cancel));
    try {
      onclip(await sending.done);
    } catch (problem) {
      fail(/** @type {Error} */ (problem).message);
    }
  }

  /** @param {string} words */
  function fail(words) {
    fill(zone, input, idle);
    input.value = "";
    error.hidden = false;
    error.textContent = words;
  }

  return { element: zone, take };
}

/** A dialog with a zone, which is there again where a clip cannot be taken. @param {string} heading
 * @param {Parameters<typeof dropZone>[0]} given @param {(clip: import("../types.js").Clip) => string} refusal why a clip cannot be taken; empty: it can */
export function openDrop(heading, given, refusal) {
  const error = h("p.error", { role: "alert" });
  const onclip = (/** @type {import("../types.js").Clip} */ clip) => {
    error.textContent = refusal(clip);
    if (error.textContent) return fill(place, zone());
    close();
    given.onclip(clip);
  };
  const zone = () => dropZone({ ...given, onclip }).element;
  const place = h("div", {}, zone());
  const { close } = openDialog(heading, place, error);
}

/** Makes an element take dropped files. @param {HTMLElement} element @param {(files: FileList|undefined) => void} take */
export function receiveDrops(element, take) {
  let depth = 0; // dragenter and dragleave come for children too
  const mark = (/** @type {number} */ now) => element.classList.toggle("dropping", (depth = now) > 0);
  element.addEventListener("dragenter", (event) => (event.preventDefault(), mark(depth + 1)));
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("dragleave", () => mark(depth - 1));
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(0);
    take(event.dataTransfer?.files);
  });
}
