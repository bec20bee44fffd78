// The list of projects: open, rename, delete after a question.

import * as api from "../api.js";
import { toast } from "../dom.js";
import { t, time as clock } from "../texts.js";
import { button, confirmed, fill, h } from "../widgets.js";

/** @typedef {{id: string, name: string, duration: number, revision: number, changed: string}} Known */

/** @param {(id: string) => void} open @returns {{element: HTMLElement, load: () => Promise<void>}} */
export function projectList(open) {
  const body = h("tbody");
  const empty = h("p.hint", { hidden: true }, t("projects.none"));
  const table = h("table.projects", { hidden: true },
    h("thead", {}, h("tr", {}, ["name", "duration", "revision", "changed"].map((key) => h("th", { scope: "col" }, t(`projects.${key}`))),
      h("td"))), body);
  const element = h("section.project-list", { "aria-labelledby": "projects-heading" },
    h("h2", { id: "projects-heading" }, t("projects.heading")), empty, table);

  async function load() {
    /** @type {Known[]} */
    const known = await api.projects();
    empty.hidden = known.length > 0;
    table.hidden = !known.length;
    fill(body, known.map(row));
  }

  /** @param {Known} project */
  function row(project) {
    const name = button(project.name, () => open(project.id), { kind: "link", name: "open-project", id: project.id });
    const cell = h("th", { scope: "row" }, name);
    return h("tr", { dataset: { project: project.id } }, cell, h("td.number", {}, clock(project.duration, 1)),
      h("td.number", {}, String(project.revision)), h("td", {}, when(project.changed)),
      h("td.row.end", {}, button(t("projects.rename", { name: project.name }), () => rename(project, cell), { icon: "edit", name: "rename", id: project.id }),
        button(t("projects.delete", { name: project.name }), () => remove(project), { icon: "trash", name: "delete", id: project.id })));
  }

  /** @param {Known} project @param {HTMLElement} cell */
  function rename(project, cell) {
    let over = false;
    const input = h("input", { value: project.name, "aria-label": t("projects.new_name"), maxLength: 120, onblur: () => finish(true),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Enter") void finish(true);
        if (event.key === "Escape") void finish(false);
      } });
    const finish = async (/** @type {boolean} */ keep) => {
      if (over) return;
      over = true;
      if (keep && input.value.trim() && input.value !== project.name) await attempt(() => api.renameProject(project.id, input.value.trim()));
      await attempt(load);
    };
    fill(cell, input);
    input.select();
  }

  /** @param {Known} project */
  async function remove(project) {
    if (!(await confirmed(t("projects.delete_heading"), t("projects.delete_words", { name: project.name }), t("projects.delete_yes")))) return;
    await attempt(() => api.removeProject(project.id));
    await attempt(load);
  }

  return { element, load: () => attempt(load) };
}

/** @param {() => Promise<any>} action */
async function attempt(action) {
  try {
    await action();
  } catch (problem) {
    toast(/** @type {Error} */ (problem).message, "error");
  }
}

/** @param {string} moment ISO time */
function when(moment) {
  const style = /** @type {const} */ ({ dateStyle: "medium", timeStyle: "short" });
  return h("time", { dateTime: moment }, new Intl.DateTimeFormat(undefined, style).format(new Date(moment)));
}
