// The keyboard: what each key does. commands.js refuses two commands on one key.

import { announce } from "../dom.js";
import { t } from "../texts.js";
import { strengthOf } from "./cue_element.js";

/** @param {import("../types.js").EditorContext} context @param {import("./actions.js").Actions} actions
 * @param {import("./cue_lanes.js").CueLanes} lanes @param {import("./snap.js").Snap} snap */
export function addCommands({ commands, player, store, timeline }, actions, lanes, snap) {
  const frame = () => 1 / (store.clip?.picture?.fps || 25);
  /** @type {[string, import("./commands.js").Command["group"], string[], () => any][]} */
  const table = [
    ["play", "play", ["Space"], () => player.toggle()],
    ["backwards", "play", ["j"], () => player.shuttle(-1)],
    ["pause", "play", ["k"], () => player.pause()],
    ["forwards", "play", ["l"], () => player.shuttle(1)],
    ["frame-back", "play", ["ArrowLeft"], () => player.step(-1)],
    ["frame-on", "play", ["ArrowRight"], () => player.step(1)],
    ["begin", "play", ["Home"], () => (player.seek(0), timeline.reveal(0))],
    ["end", "play", ["End"], () => (player.seek(store.view.duration), timeline.reveal(store.view.duration))],
    ["loop", "play", ["c"], () => actions.loop()],
    ["in", "play", ["i"], () => actions.mark(0)],
    ["out", "play", ["o"], () => actions.mark(1)],
    ["previous", "cues", ["Shift+ArrowLeft"], () => actions.step(-1)],
    ["next", "cues", ["Shift+ArrowRight"], () => actions.step(1)],
    ["extend-back", "cues", ["Mod+Shift+ArrowLeft"], () => actions.step(-1, true)],
    ["extend-on", "cues", ["Mod+Shift+ArrowRight"], () => actions.step(1, true)],
    ["listen", "cues", ["Enter"], () => actions.listen()],
    ["add", "cues", ["t"], () => actions.tap()],
    ["earlier", "cues", [","], () => actions.nudge(-frame())],
    ["later", "cues", ["."], () => actions.nudge(frame())],
    ["earlier-ms", "cues", ["Alt+ArrowLeft"], () => actions.nudge(-0.001)],
    ["later-ms", "cues", ["Alt+ArrowRight"], () => actions.nudge(0.001)],
    [
      "stronger",
      "cues",
      ["ArrowUp"],
      () => actions.change((cue) => ({ strength: Math.min(1, Math.round(strengthOf(cue) * 20 + 1) / 20) })),
    ],
    [
      "weaker",
      "cues",
      ["ArrowDown"],
      () => actions.change((cue) => ({ strength: Math.max(0, Math.round(strengthOf(cue) * 20 - 1) / 20) })),
    ],
    ["louder", "cues", ["Shift+ArrowUp"], () => actions.change((cue) => ({ gain: Math.min(60, cue.gain + 1) }))],
    ["softer", "cues", ["Shift+ArrowDown"], () => actions.change((cue) => ({ gain: Math.max(-60, cue.gain - 1) }))],
    ["mute", "cues", ["m"], () => toggleAll("muted")],
    ["lock", "cues", ["f"], () => toggleAll("locked")],
    ["remove", "edit", ["Delete", "Backspace"], () => actions.remove()],
    ["undo", "edit", ["Mod+z"], () => told(store.undo(), "editor.undone")],
    ["redo-edit", "edit", ["Mod+Shift+z", "Mod+y"], () => told(store.redo(), "editor.redone")],
    ["copy", "edit", ["Mod+c"], () => actions.copy()],
    ["cut", "edit", ["Mod+x"], () => (actions.copy(), actions.remove())],
    ["paste", "edit", ["Mod+v"], () => actions.paste()],
    ["all", "edit", ["Mod+a"], () => store.select(inSpan())],
    ["nothing", "edit", ["Escape"], () => (store.select([]), store.setSpan(null))],
    ["zoom-in", "view", ["+", "="], () => timeline.zoom(1.5, middle())],
    ["zoom-out", "view", ["-"], () => timeline.zoom(1 / 1.5, middle())],
    ["fit", "view", ["0"], () => timeline.fit()],
    ["zoom-span", "view", ["z"], () => zoomTo()],
    ["page-back", "view", ["PageUp"], () => timeline.show(timeline.begin - (0.8 * timeline.width) / timeline.scale)],
    ["page-on", "view", ["PageDown"], () => timeline.show(timeline.begin + (0.8 * timeline.width) / timeline.scale)],
    [
      "snap",
      "view",
      ["n"],
      () => (snap.set({ on: !snap.on }), announce(t(snap.on ? "editor.snap_on" : "editor.snap_off"))),
    ],
    ["solo", "view", ["s"], () => store.toggleSolo(actions.layer)],
  ];
  commands.add(...table.map(([id, group, keys, run]) => ({ id, group, keys, run, label: t(`commands.${id}`) })));

  /** @param {"muted"|"locked"} name */
  function toggleAll(name) {
    const all = store.selected().every((cue) => cue[name]);
    return actions.change(() => ({ [name]: !all }), name === "locked");
  }

  const inSpan = () => {
    const [begin, end] = store.span ?? [0, store.view.duration];
    return store.view.cues.filter((cue) => cue.time >= begin && cue.time <= end).map((cue) => cue.id);
  };

  /** Where zooming is around: the playhead when it is in view, else the middle. */
  const middle = () =>
    player.time >= timeline.begin && player.time <= timeline.end ? player.time : (timeline.begin + timeline.end) / 2;

  function zoomTo() {
    const cues = store.selected();
    if (store.span) timeline.showSpan(store.span);
    else if (cues.length) timeline.showSpan([cues[0].time - 0.3, cues[cues.length - 1].time + 0.7]);
  }

  /** @param {Promise<import("../types.js").View|null>} done @param {string} key */
  async function told(done, key) {
    if (await done) announce(t(key));
  }
}
