// The first screen: reference and target are chosen, a soundtrack is generated; or a project is opened.

import * as api from "../api.js";
import { toast } from "../dom.js";
import { t } from "../texts.js";
import { button, fill, h } from "../widgets.js";
import { dropZone, receiveDrops } from "./drop.js";
import { openFitting } from "./fitting.js";
import { GenerateArea } from "./generate.js";
import { examplePair } from "./library.js";
import { openMicrophone } from "./microphone.js";
import { moreReferences } from "./more_references.js";
import { projectList } from "./projects.js";
import { referenceView } from "./reference.js";
import { startFrom } from "./start_from.js";
import { targetView } from "./target.js";
import { themeButton } from "../theme.js";

const KEPT = "start"; // in sessionStorage: a reload goes on where it was

/** @typedef {{element: HTMLElement, close: () => void, amongOthers?: (several: boolean) => void}} Shown */
/** @typedef {{reference: string|null, more: string[], target: string|null, begin: number|null, performed: any[]|null, settings: any,
 *   start: string|null, strength: number, job: string|null}} Chosen start: a clip whose sound is changed by `strength` */

/** Draws the screen. Raises ApiError. @param {HTMLElement} root @param {HTMLElement} topbar
 * @returns {Promise<() => void>} what closes it */
export async function openStart(root, topbar) {
  const screen = new Start(await api.about());
  topbar.append(h("span.brand", {}, t("app.title")), h("div.topbar-end", {}, themeButton()));
  root.append(screen.element);
  screen.load();
  return () => screen.close();
}

class Start {
  /** @param {any} about what the server says of itself */
  constructor(about) {
    this.about = about;
    /** @type {Chosen} */
    this.chosen = { reference: null, more: [], target: null, begin: null, performed: null, settings: {}, start: null, strength: 0.5, job: null,
      ...JSON.parse(sessionStorage.getItem(KEPT) ?? "{}") };
    /** @type {Record<"reference"|"target", import("../types.js").Clip|null>} */
    this.clips = { reference: null, target: null };
    /** @type {Record<string, Shown|null>} */
    this.shown = { reference: null, target: null };
    /** @type {Record<string, ReturnType<typeof dropZone>|null>} */
    this.zones = { reference: null, target: null };
    this.more = moreReferences(about, () => this.clips.reference, () => this.listed());
    this.slots = { reference: h("section.pane"), target: h("section.pane") };
    this.beginning = startFrom(about, () => this.began());
    this.foot = new GenerateArea(about, this.chosen.settings, () => this.keep(), () => this.generate(), this.beginning.element);
    this.example = button(t("start.example"), () => this.useExample(), { icon: "film", shown: true, name: "example", hidden: true });
    this.finding = button(t("fitting.open"), () => this.find(), { icon: "folder", shown: true, name: "find", disabled: true, hidden: !about.finds });
    this.projects = projectList(openProject);
    this.element = h("div.start", {},
      h("header.start-head", {}, h("div", {}, h("h1", {}, t("start.heading")), h("p.hint", {}, t("start.lead"))), this.example),
      h("div.panes", {}, this.slots.reference, this.slots.target), this.foot.element, this.projects.element);
  }

  load() {
    for (const role of /** @type {const} */ (["reference", "target"])) {
      this.pane(role);
      receiveDrops(this.slots[role], (files) => this.replace(role, files));
    }
    for (const type of ["dragover", "drop"]) addEventListener(type, stay);
    void this.projects.load();
    examplePair().then((pair) => (this.example.hidden = !pair), () => {});
    void this.restore("reference");
    void this.restoreMore();
    void this.restoreStart();
    void this.restore("target");
    if (this.chosen.job) this.follow(this.chosen.job);
  }

  close() {
    for (const shown of Object.values(this.shown)) shown?.close();
    this.foot.close();
    for (const type of ["dragover", "drop"]) removeEventListener(type, stay);
  }

  keep() {
    sessionStorage.setItem(KEPT, JSON.stringify(this.chosen));
  }

  /** A clip chosen before the page was loaded again. @param {"reference"|"target"} role */
  async restore(role) {
    const id = this.chosen[role];
    if (!id) return;
    try {
      this.choose(role, await api.clip(id));
    } catch {
      this.chosen[role] = null; // it was removed meanwhile
    }
  }

  /** The further references chosen before, without those that were removed meanwhile. */
  async restoreMore() {
    const found = await Promise.allSettled(this.chosen.more.map(api.clip));
    this.more.show(found.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
    this.listed();
  }

  /** The sound that it starts from, unless it was removed meanwhile. */
  async restoreStart() {
    const { start, strength } = this.chosen;
    if (!start) return;
    const clip = await api.clip(start).catch(() => null);
    this.beginning.show(clip, strength);
    this.began();
  }

  /** Another sound to start from, none, or another strength. */
  began() {
    this.chosen.start = this.beginning.clip?.id ?? null;
    this.chosen.strength = this.beginning.strength;
    this.keep();
  }

  /** There are more or fewer further references. */
  listed() {
    this.chosen.more = this.more.clips.map(({ id }) => id);
    this.keep();
    this.shown.reference?.amongOthers?.(this.more.clips.length > 0);
  }

  /** The first reference is taken away; the next one, if there is any, comes in its place. */
  removeReference() {
    const [next, ...rest] = this.more.clips;
    this.more.show(rest);
    this.choose("reference", next ?? null);
    this.listed();
  }

  /** @param {"reference"|"target"} role @param {import("../types.js").Clip|null} clip */
  choose(role, clip) {
    if (clip?.id !== this.chosen[role]) Object.assign(this.chosen, role === "reference" ? { begin: null } : { performed: null });
    this.clips[role] = clip;
    this.chosen[role] = clip?.id ?? null;
    this.keep();
    this.finding.disabled = !this.clips.target?.picture;
    this.pane(role);
    this.foot.allow(Boolean(this.clips.reference?.sound && this.clips.target?.picture));
  }

  /** Files dropped on the clip that is there already. @param {"reference"|"target"} role @param {FileList} [files] */
  replace(role, files) {
    if (!files?.length || !this.clips[role]) return;
    this.choose(role, null);
    this.zones[role]?.take(files);
  }

  /** @param {"reference"|"target"} role */
  pane(role) {
    this.shown[role]?.close();
    this.shown[role] = null;
    const clip = this.clips[role];
    const heading = h("h2.pane-heading", {}, h("span.step", { "aria-hidden": "true" }, role === "reference" ? "1" : "2"),
      role === "reference" ? t("start.reference") : t("start.target"));
    if (clip) this.shown[role] = role === "reference" ? this.reference(clip) : this.target(clip);
    this.zones[role] = clip ? null : this.zone(role);
    const more = role === "reference" && clip?.sound && this.more.element;
    fill(this.slots[role], heading, this.shown[role]?.element ?? this.zones[role]?.element, more);
  }

  /** @param {import("../types.js").Clip} clip */
  reference(clip) {
    const view = referenceView(clip, { begin: this.chosen.begin, remove: () => this.removeReference(), onbegin: (begin) => {
      this.chosen.begin = begin;
      this.keep();
    } });
    view.amongOthers(this.more.clips.length > 0);
    return view;
  }

  /** @param {import("../types.js").Clip} clip */
  target(clip) {
    return targetView(clip, { performed: this.chosen.performed, remove: () => this.choose("target", null), onperformed: (cues) => {
      this.chosen.performed = cues;
      this.keep();
    } });
  }

  /** @param {"reference"|"target"} role */
  zone(role) {
    const onclip = (/** @type {import("../types.js").Clip} */ clip) => this.choose(role, clip);
    if (role === "target")
      return dropZone({ name: role, title: t("start.drop_target"), hint: t("start.target_hint"), about: this.about, onclip });
    const record = button(t("record.open"), () => openMicrophone({ ondone: onclip }), { icon: "microphone", shown: true });
    return dropZone({ name: role, title: t("start.drop_reference"), hint: t("start.reference_hint"), about: this.about, onclip, extra: [record, this.finding] });
  }

  /** A reference among the sounds of the library that fit the target. */
  find() {
    const { target } = this.clips;
    if (target?.picture) void openFitting(target, (clip) => this.choose("reference", clip));
  }

  async useExample() {
    this.example.disabled = true;
    try {
      const pair = await examplePair();
      if (!pair) throw new Error(t("start.no_example"));
      const [reference, target] = await Promise.all(pair.map(api.clipFromLibrary));
      this.more.show([]);
      this.choose("reference", reference);
      this.choose("target", target);
      this.listed();
    } catch (problem) {
      toast(/** @type {Error} */ (problem).message, "error");
    }
    this.example.disabled = false;
  }

  async generate() {
    const { reference, more, target, begin, performed, settings, start, strength } = this.chosen;
    const beginning = start ? { start_from: start, settings: { ...settings, generator: "flow", strength } } : {};
    try {
      const job = await api.startJob({ kind: "generate", name: projectName(this.clips.reference, this.clips.target), references: [reference, ...more], target,
        reference_start: begin, settings, cues: performed, ...beginning });
      this.follow(job.id);
    } catch (problem) {
      this.foot.idle(/** @type {Error} */ (problem).message);
    }
  }

  /** @param {string} id of the job */
  follow(id) {
    this.chosen.job = id;
    this.keep();
    this.foot.busy(id, (job) => {
      this.chosen.job = null;
      this.keep();
      for (const note of job.notes) toast(note);
      if (job.state === "done" && job.project) openProject(job.project);
      else this.foot.idle(job.state === "failed" ? job.error : "");
    });
  }
}

/** A name to begin with: of both files, without their suffixes.
 * @param {import("../types.js").Clip|null} reference @param {import("../types.js").Clip|null} target */
function projectName(reference, target) {
  const plain = (/** @type {import("../types.js").Clip|null} */ clip) => (clip?.name ?? "").replace(/\.[^.]+$/, "");
  return t("projects.from_clips", { target: plain(target), reference: plain(reference) });
}

/** @param {string} id */
function openProject(id) {
  location.hash = `#/project/${id}`;
}

/** A file dropped beside the panes does not take the page away. @param {Event} event */
function stay(event) {
  event.preventDefault();
}
