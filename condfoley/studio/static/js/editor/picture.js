// The target's picture: the <video> that is the clock, or why there is none.

import * as api from "../api.js";
import { t } from "../texts.js";
import { h } from "../widgets.js";

const AGAIN = 700; // ms between questions while something is being prepared

/** Shows the target and fetches its clip and events; "target" of the store tells when they come. Resolves when the clip
 * is known.
 * @param {import("../types.js").EditorContext} context @param {HTMLElement} box */
export async function showPicture(context, box) {
  const { store, player, onLeave } = context;
  const note = h("p.picture-note", { role: "status" });
  box.append(note);
  const target = store.view.target;
  if (!target) {
    note.textContent = t("editor.no_target");
    return;
  }
  try {
    store.clip = await api.clip(target);
  } catch (error) {
    note.textContent = /** @type {Error} */ (error).message;
    return;
  }
  let left = false;
  onLeave(() => (left = true));
  void watch(
    () => showVideo(context, box, note),
    () => left,
  );
  void watch(
    async () => {
      store.events = await api.events(target);
      store.tell("target");
      return store.events.state !== "running";
    },
    () => left,
  );
}

/** Asks until an answer is final; goes on when the server is away.
 * @param {() => Promise<boolean>} ask
 * @param {() => boolean} left */
async function watch(ask, left) {
  while (!left()) {
    try {
      if (await ask()) return;
    } catch (error) {
      if (!(error instanceof api.ApiError) || !error.away) return;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

/** Whether the picture's state is final.
 * @param {import("../types.js").EditorContext} context
 * @param {HTMLElement} box
 * @param {HTMLElement} note */
async function showVideo(context, box, note) {
  const { store, player } = context;
  const clip = (store.clip = await api.clip(/** @type {string} */ (store.view.target)));
  store.tell("target");
  const { state, error, note: said, proxy } = clip.media;
  note.textContent = state === "ready" ? "" : state === "failed" ? error || said : t("editor.picture_preparing");
  if (state !== "ready") return state === "failed";
  const video = h("video", {
    src: api.clipMedia(clip.id),
    preload: "auto",
    playsinline: true,
    disablepictureinpicture: true,
    "aria-label": t("editor.picture"),
    tabindex: "-1",
  });
  video.muted = true;
  video.addEventListener("loadeddata", () => player.useVideo(video), { once: true });
  video.addEventListener("error", () => (note.textContent = t("editor.picture_unplayable")));
  video.addEventListener("click", () => player.toggle());
  if (proxy) box.append(h("span.proxy", { title: said }, t("editor.proxy")));
  box.prepend(video);
  return true;
}
