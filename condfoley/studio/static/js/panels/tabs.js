// Tabs as screen readers know them: arrows go from one to the next, Home and End to the first and last.

import { h, uniqueId } from "../widgets.js";

const KEPT = "panel"; // in sessionStorage

/** @param {string} label @param {{id: string, words: string, panel: import("./panels.js").Panel}[]} given
 * @returns {{element: HTMLElement, show: (id: string) => void, draw: () => void}} */
export function tabs(label, given) {
  const prefix = uniqueId("tabs");
  let active = given.find(({ id }) => id === sessionStorage.getItem(KEPT)) ?? given[0];
  const list = h("div.tabs", { role: "tablist", "aria-label": label, onkeydown: turn }, given.map(({ id, words }) =>
    h("button", { type: "button", role: "tab", id: `${prefix}-${id}`, "aria-controls": `${prefix}-${id}-panel`, dataset: { tab: id },
      onclick: () => show(id) }, words)));
  const panels = given.map(({ id, panel }) => h("div.panel", { role: "tabpanel", id: `${prefix}-${id}-panel`, "aria-labelledby": `${prefix}-${id}`,
    tabIndex: 0, dataset: { panel: id } }, panel.element));

  /** @param {string} id */
  function show(id) {
    active = given.find((one) => one.id === id) ?? active;
    sessionStorage.setItem(KEPT, active.id);
    given.forEach((one, place) => {
      const tab = list.children[place];
      tab.setAttribute("aria-selected", String(one === active));
      tab.tabIndex = one === active ? 0 : -1;
      panels[place].hidden = one !== active;
    });
    active.panel.draw();
  }

  /** @param {KeyboardEvent} event */
  function turn(event) {
    const last = given.length - 1;
    const now = given.indexOf(active);
    const to = { ArrowRight: now === last ? 0 : now + 1, ArrowLeft: now ? now - 1 : last, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(given[to].id);
    list.children[to].focus();
  }

  queueMicrotask(() => show(active.id));
  return { element: h("div.tabs-box", {}, list, panels), show, draw: () => active.panel.draw() };
}
