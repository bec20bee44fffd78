"use strict";
/* jsPsych plugin: a reference clip, one or more videos of the same target, and questions about them.

   Nothing can be answered before every clip was played to its end, in the order asked for. Everything is a native
   control with a label, so it works by keyboard and is read out; `status` announces what to do next. */
window.StudyTrial = (() => {
  const { ParameterType } = window.jsPsychModule ?? { ParameterType: { OBJECT: 12, STRING: 1, ARRAY: 0 } };
  const info = {
    name: "condfoley-trial",
    version: "1.0.0",
    parameters: {
      /** {trial, reference, clips, first} of the plan; practice trials also have `wrong` and `wrong_kind`. */
      page: { type: ParameterType.OBJECT, default: undefined },
      heading: { type: ParameterType.STRING, default: "" },
      method: { type: ParameterType.STRING, default: "forced-choice" },
      questions: { type: ParameterType.STRING, array: true, default: [] },
    },
    data: {
      trial: { type: ParameterType.STRING },
      scores: { type: ParameterType.OBJECT },
      seconds: { type: ParameterType.FLOAT },
      plays: { type: ParameterType.INT, array: true },
    },
  };

  const RETRY = 2000; // ms after which a clip that could not be loaded is asked for again

  const text = (name, values = {}) =>
    Object.entries(values).reduce((all, [key, value]) => all.replace(`{${key}}`, value), window.TEXTS[name]);

  function element(tag, attributes = {}, children = []) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name in made && name !== "list") made[name] = value;
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  /* One video with its button; `plays` counts how often it was seen to the end. */
  function clip(name, label, onPlay, onEnd, onError) {
    const file = `media/${name}`;
    const attributes = { src: `${file}.mp4`, poster: `${file}.jpg`, preload: "auto", playsInline: true, tabIndex: -1 };
    const video = element("video", { ...attributes, "aria-label": label, disablePictureInPicture: true });
    const button = element("button", { type: "button", textContent: text("play", { name: label }) });
    const figure = element("figure", { className: "clip" }, [element("figcaption", { textContent: label }), video, button]);
    const self = { figure, video, button, label, plays: 0 };
    const seen = () => Array.from({ length: video.played.length }, (_, k) => video.played.end(k) - video.played.start(k));
    button.addEventListener("click", () => {
      video.currentTime = 0;
      onPlay(self);
      video.play().catch(() => {}); // what cannot be loaded also raises "error"; a new start interrupts the old one
    });
    video.addEventListener("ratechange", () => {
      if (video.playbackRate !== 1) video.playbackRate = 1;
    });
    video.addEventListener("ended", () => {
      if (seen().reduce((a, b) => a + b, 0) < 0.9 * video.duration) return; // somebody jumped to the end
      self.plays += 1;
      button.textContent = text("play_again", { name: label });
      onEnd(self);
    });
    video.addEventListener("error", () => {
      if (!video.isConnected) return;
      onError();
      setTimeout(() => video.isConnected && video.load(), RETRY);
    });
    return self;
  }

  const prefix = { "forced-choice": "question", rating: "rate", opinion: "opinion" };

  /* The answers to one question: {fieldset, scores() -> one number for each clip, or null while incomplete}. */
  function question(name, method, letters, changed) {
    const legend = element("legend", { textContent: text(`${prefix[method]}_${name}`) });
    const fieldset = element("fieldset", { disabled: true }, [legend]);
    let answer = null;
    const choose = (label, score) => {
      const input = element("input", { type: "radio", name });
      input.addEventListener("change", () => {
        answer = score;
        changed();
      });
      fieldset.append(element("label", {}, [input, ` ${label}`]));
    };
    if (method === "forced-choice") {
      letters.forEach((label, k) => choose(label, letters.map((_, other) => (other === k ? 1 : 0))));
      return { fieldset, scores: () => answer };
    }
    if (method === "opinion") {
      for (const score of [1, 2, 3, 4, 5]) choose(text(`opinion_${score}`), [score]);
      return { fieldset, scores: () => answer };
    }
    const moved = letters.map(() => null);
    letters.forEach((label, k) => {
      const input = element("input", { type: "range", min: 0, max: 100, step: 1, value: 50 });
      const shown = element("output", { textContent: "–" });
      const take = () => {
        moved[k] = Number(input.value);
        shown.textContent = input.value;
        changed();
      };
      for (const event of ["input", "change", "click"]) input.addEventListener(event, take);
      fieldset.append(element("label", { className: "rating" }, [label, input, shown]));
    });
    return { fieldset, scores: () => (moved.includes(null) ? null : [...moved]) };
  }

  function noticed(method, scores, wrong) {
    return method === "opinion" ? scores[0] <= 2 : scores[1 - wrong] > scores[wrong];
  }

  class StudyTrial {
    static info = info;

    constructor(jsPsych) {
      this.jsPsych = jsPsych;
    }

    trial(display, { page, heading, method, questions }) {
      const began = performance.now();
      const status = element("p", { className: "status", role: "status", "aria-live": "polite" });
      const letters = page.clips.map((_, k) => text("clip", { letter: String.fromCharCode(65 + k) }));
      const title = element("h1", { textContent: heading, tabIndex: -1 });
      const failed = () => (status.textContent = text("clip_failed"));
      const next = () => order.find((item) => item.plays === 0);
      const refresh = () => {
        const wanted = next();
        for (const item of order) {
          item.button.disabled = item.plays === 0 && item !== wanted;
          item.figure.classList.toggle("next", item === wanted);
        }
        status.textContent = wanted ? text("play_next", { name: wanted.label }) : text("all_played");
        for (const { fieldset } of asked) fieldset.disabled = Boolean(wanted);
        proceed.disabled = Boolean(wanted) || asked.some(({ scores }) => scores() === null);
      };
      const playing = (item) => {
        for (const other of order) if (other !== item) other.video.pause();
        status.textContent = text("playing", { name: item.label });
      };
      const reference = clip(page.reference, text("reference"), playing, refresh, failed);
      reference.figure.classList.add("reference");
      const shown = page.clips.map((name, k) => clip(name, letters[k], playing, refresh, failed));
      const rest = shown.filter((_, k) => k !== page.first);
      const order = [reference, shown[page.first], ...rest];
      const asked = questions.map((name) => question(name, method, letters, () => refresh()));
      const proceed = element("button", { type: "button", className: "continue", textContent: text("continue") });
      const videos = element("div", { className: "clips" }, shown.map((item) => item.figure));
      const first = element("div", { className: "clips" }, [reference.figure]);
      display.replaceChildren(title, first, videos, status, ...asked.map((q) => q.fieldset), proceed);
      const finish = () => {
        const scores = Object.fromEntries(questions.map((name, k) => [name, asked[k].scores()]));
        const seconds = Math.round(performance.now() - began) / 1000;
        for (const item of order) item.video.pause();
        this.jsPsych.finishTrial({ trial: page.trial, scores, seconds, plays: shown.map((item) => item.plays) });
      };
      proceed.addEventListener("click", () => {
        if (page.wrong_kind === undefined || display.querySelector(".feedback")) return finish();
        const right = noticed(method, asked[0].scores(), page.wrong);
        const why = text(`feedback_${page.wrong_kind}`, { name: letters[page.wrong] });
        const message = `${text(right ? "feedback_right" : "feedback_wrong")} ${why}`;
        const feedback = element("p", { className: "feedback", role: "alert", textContent: message });
        proceed.before(feedback);
      });
      refresh();
      title.focus();
    }
  }

  return Object.assign(StudyTrial, { text, element });
})();
