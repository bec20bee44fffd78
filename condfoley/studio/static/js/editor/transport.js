// The row between picture and timeline: play, time, undo, snap, zoom, volume.

import { tool } from "../dom.js";
import { t, time as words } from "../texts.js";
import { button, fill, h } from "../widgets.js";
import { frameWords } from "./timecode.js";

/** @param {import("../types.js").EditorContext} context
 * @param {HTMLElement} row
 * @param {import("./snap.js").Snap} snap */
export function addTransport(context, row, snap) {
  const { player, store, timeline, commands } = context;
  const run = (/** @type {string} */ id, /** @type {Record<string, any>} */ given = {}) => {
    const made = tool(commands.label(id), () => commands.run(id), { kind: "quiet", keys: commands.keys(id), ...given });
    made.dataset.command = id;
    return made;
  };
  const play = run("play", { icon: "play", kind: "play" });
  const loop = run("loop", { icon: "loop", "aria-pressed": "false" });
  const [undo, redo] = [run("undo", { icon: "undo" }), run("redo-edit", { icon: "redo" })];
  const now = h("output.time.number", { "aria-label": t("editor.time"), "aria-live": "off" });
  const long = h("span.number.muted", {}, `/ ${words(store.view.duration)}`);
  const frames = h("span.frames.number.muted", { title: t("editor.frame") });
  const speed = h("span.speed.number", { hidden: true });
  const volume = h("input", { type: "range", min: 0, max: 1, step: 0.01, value: 1, "aria-label": t("editor.volume") });
  volume.addEventListener("input", () => player.setVolume(Number(volume.value) ** 2));
  row.prepend(
    h(
      "div.row.group",
      {},
      run("begin", { icon: "to-begin" }),
      run("frame-back", { icon: "frame-back" }),
      play,
      run("frame-on", { icon: "frame-on" }),
      loop,
    ),
    h("div.row.clock", {}, now, long, frames, speed),
    h("div.row.group", {}, undo, redo),
    h("div.row.group", {}, run("add", { icon: "plus", shown: true }), snapButton(snap, commands)),
  );
  row.append(
    h("div.row.group.end", {}, h("span.icon.icon-sound.muted", { "aria-hidden": "true" }), volume),
    h(
      "div.row.group",
      {},
      run("zoom-out", { icon: "zoom-out" }),
      run("fit", { icon: "fit" }),
      run("zoom-in", { icon: "zoom-in" }),
    ),
  );
  const showTime = () => {
    const text = words(player.time);
    if (now.textContent === text) return;
    now.textContent = text;
    frames.textContent = frameWords(player.time, store.clip);
  };
  const showState = () => {
    const name = t(player.playing ? "commands.pause" : "commands.play");
    play.firstElementChild?.setAttribute("class", `icon icon-${player.playing ? "pause" : "play"}`);
    play.setAttribute("aria-label", name);
    play.title = `${name} (${commands.keys("play")})`;
    loop.setAttribute("aria-pressed", String(player.loop !== null));
    speed.hidden = player.rate === 0 || player.rate === 1;
    speed.textContent = `${player.rate}×`;
    showTime();
  };
  const showUndo = () => {
    undo.disabled = !store.writable || !store.view.can_undo;
    redo.disabled = !store.writable || !store.view.can_redo;
    row.querySelector("[data-command=add]")?.toggleAttribute("disabled", !store.writable);
  };
  player.addEventListener("time", showTime);
  player.addEventListener("state", showState);
  store.on("view lease", showUndo);
  timeline.addEventListener("move", () => {
    row
      .querySelector("[data-command=zoom-out]")
      ?.toggleAttribute("disabled", timeline.scale <= timeline.widest * 1.001);
  });
  showState();
  showUndo();
}

/** The switch of snapping, with a menu of what cues snap to. @param {import("./snap.js").Snap} snap
 * @param {import("./commands.js").Commands} commands */
function snapButton(snap, commands) {
  const main = tool(t("commands.snap"), () => commands.run("snap"), {
    icon: "snap",
    kind: "quiet",
    keys: commands.keys("snap"),
  });
  const menu = h("div.menu.card", { hidden: true, role: "group", "aria-label": t("editor.snap_to") });
  const more = button(t("editor.snap_to"), () => toggle(menu.hidden), {
    icon: "more",
    kind: "quiet.narrow",
    "aria-expanded": "false",
  });
  const draw = () => {
    main.setAttribute("aria-pressed", String(snap.on));
    const boxes = snap.kinds.map((kind) => {
      const box = h("input", { type: "checkbox", checked: snap.to[kind] });
      box.addEventListener("change", () => snap.set({ to: { ...snap.to, [kind]: box.checked } }));
      return h("label.row", {}, box, t(`editor.snap.${kind}`));
    });
    fill(menu, h("p.label", {}, t("editor.snap_to")), ...boxes, h("p.hint", {}, t("editor.snap_hint")));
  };
  const toggle = (/** @type {boolean} */ open) => {
    menu.hidden = !open;
    more.setAttribute("aria-expanded", String(open));
    if (open) /** @type {HTMLElement|null} */ (menu.querySelector("input"))?.focus();
  };
  const holder = h("div.row.group.holder", {}, main, more, menu);
  holder.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || menu.hidden) return;
    event.preventDefault();
    toggle(false);
    more.focus();
  });
  holder.addEventListener("focusout", (/** @type {FocusEvent} */ event) => {
    if (!holder.contains(/** @type {Node|null} */ (event.relatedTarget)) && !menu.matches(":hover")) toggle(false);
  });
  snap.addEventListener("change", draw);
  draw();
  return holder;
}
