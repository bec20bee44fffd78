"use strict";
/* The course of a study: consent, volume and headphones, practice, trials, the end. */
(() => {
  const { text, element } = window.StudyTrial;
  const plan = window.STUDY;

  /* jsPsych's page takes HTML; texts are plain. */
  const plain = (words) => element("p", { textContent: words }).innerHTML;
  const button = (label) => `<button class="jspsych-btn">${plain(label)}</button>`;

  function page(heading, words, label, more = {}) {
    return {
      type: jsPsychHtmlButtonResponse,
      stimulus: `<h1 tabindex="-1">${plain(heading)}</h1><p class="text">${plain(words)}</p><div id="extra"></div>`,
      choices: Array.isArray(label) ? label : [label],
      button_html: button,
      on_load: () => document.querySelector("h1").focus(),
      ...more,
    };
  }

  function playButton(label, action) {
    const made = element("button", { type: "button", className: "play", textContent: label });
    made.addEventListener("click", () => action(made));
    document.querySelector("#extra").append(made);
    document.querySelector("h1").focus();
  }

  function choices(enabled) {
    for (const item of document.querySelectorAll("#jspsych-html-button-response-btngroup button")) item.disabled = !enabled;
  }

  function volume() {
    const on_load = () => {
      choices(false);
      playButton(text("volume_play"), () => {
        Headphones.volume();
        choices(true);
      });
    };
    return page(text("volume_heading"), text("volume"), text("volume_done"), { on_load });
  }

  function headphones(number, count) {
    const round = Headphones.round();
    const on_load = () => {
      choices(false);
      playButton(text("headphones_play"), async (made) => {
        made.disabled = true;
        await round.play();
        made.disabled = false;
        choices(true);
      });
    };
    const on_finish = ({ response }) => {
      Saving.record.checks.push(response === round.softest);
      Saving.keep();
    };
    const options = [1, 2, 3].map((k) => text("headphones_option", { number: k }));
    const heading = text("headphones_heading", { number, count });
    return page(heading, text("headphones"), options, { on_load, on_finish });
  }

  function once(name, node) {
    if (Saving.record[name]) return [];
    const on_finish = () => {
      Saving.record[name] = true;
      Saving.keep();
    };
    return [{ ...node, on_finish }];
  }

  function trial(shown, kind, number, count, on_finish) {
    const heading = text(`${kind}_heading`, { number, count });
    return { type: StudyTrial, page: shown, heading, method: plan.method, questions: plan.questions, on_finish };
  }

  /* What is still to be done: after a reload only the rest. */
  function timeline(jsPsych) {
    const { record } = Saving;
    const form = plan.forms[record.form];
    const rounds = plan.headphone_rounds;
    const checks = Array.from({ length: rounds }, (_, k) => k + 1).slice(record.checks.length);
    const intro = `${text("instructions", { count: form[0].clips.length })} ${plan.practice.length ? text("instructions_practice") : ""}`;
    const practice = plan.practice.slice(record.practised).map((shown, k) =>
      trial(shown, "practice", record.practised + k + 1, plan.practice.length, () => {
        record.practised += 1;
        Saving.keep();
      }),
    );
    const trials = form.slice(record.answers.length).map((shown, k) =>
      trial(shown, "trial", record.answers.length + k + 1, form.length, ({ trial, scores, seconds, plays }) => {
        Saving.add({ trial, scores, seconds, plays });
        jsPsych.progressBar.progress = record.answers.length / form.length;
        preload(form[record.answers.length + 1]);
      }),
    );
    return [
      ...once("consented", page(text("consent_heading"), text("consent"), text("consent_button"))),
      ...once("volume", volume()),
      ...checks.map((number) => headphones(number, rounds)),
      ...once("instructed", page(text("instructions_heading"), intro, text("start"))),
      ...practice,
      ...(plan.practice.length ? once("warned", page(text("practice_done_heading"), text("practice_done"), text("start"))) : []),
      ...trials,
    ];
  }

  function preload(shown) {
    for (const name of shown ? [shown.reference, ...shown.clips] : []) {
      element("video", { preload: "auto", src: `media/${name}.mp4` });
    }
  }

  function downloadButton() {
    const file = URL.createObjectURL(new Blob([Saving.file()], { type: "application/json" }));
    const name = `answers-${Saving.record.session}.json`;
    return element("p", {}, [element("a", { href: file, download: name, textContent: text("download") })]);
  }

  function turkForm() {
    const { home, assignment } = Saving.turk();
    const field = (name, value) => element("input", { type: "hidden", name, value });
    const submit = element("button", { type: "submit", textContent: text("done_mturk") });
    const parts = [field("assignmentId", assignment), field("results", Saving.file()), submit];
    return element("form", { method: "POST", action: `${home}/mturk/externalSubmit` }, parts);
  }

  async function end() {
    const main = document.querySelector("#study");
    const title = element("h1", { textContent: text("done_heading"), tabIndex: -1 });
    const status = element("p", { className: "status", role: "status", textContent: text("saving") });
    main.replaceChildren(title, status);
    title.focus();
    Saving.problem = (failing) => (status.textContent = text(failing ? "not_saved" : "saving"));
    if (Saving.mode === "mturk") {
      status.textContent = "";
      return main.append(turkForm());
    }
    if (Saving.mode === "download") {
      status.textContent = text("done_download");
      return main.append(downloadButton());
    }
    try {
      const { code } = await Saving.finish();
      status.textContent = text("done_saved");
      main.append(element("p", { textContent: text("done_code") }), element("p", { className: "code", textContent: code }));
    } catch {
      status.textContent = text("done_download"); // the server refused for good: the file is the last resort
      return main.append(downloadButton());
    }
    if (plan.prolific_code) {
      const address = `https://app.prolific.com/submissions/complete?cc=${plan.prolific_code}`;
      main.append(element("p", {}, [element("a", { href: address, textContent: text("done_prolific") })]));
    }
  }

  function notice(words) {
    document.querySelector("#study").replaceChildren(element("p", { className: "text", role: "alert", textContent: words }));
  }

  addEventListener("DOMContentLoaded", async () => {
    document.documentElement.lang = window.TEXTS.language;
    document.title = text("title");
    if (Saving.turk()?.assignment === "ASSIGNMENT_ID_NOT_AVAILABLE") return notice(text("preview"));
    try {
      await Saving.open(plan);
    } catch {
      return notice(text("study_failed"));
    }
    const banner = element("p", { className: "status", role: "alert", hidden: true, textContent: text("not_saved") });
    document.querySelector("#study").before(banner);
    Saving.problem = (failing) => (banner.hidden = !failing);
    const jsPsych = initJsPsych({
      display_element: "study",
      show_progress_bar: true,
      auto_update_progress_bar: false,
      message_progress_bar: text("progress"),
      on_finish: () => {
        banner.remove();
        end();
      },
    });
    const todo = timeline(jsPsych);
    if (!todo.length) return end();
    const done = jsPsych.run(todo);
    jsPsych.progressBar.progress = Saving.record.answers.length / plan.forms[Saving.record.form].length;
    await done;
  });
})();
