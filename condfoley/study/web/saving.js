"use strict";
/* Answers on their way: kept in the browser at once, then sent to a server, a crowd platform or into a download.

   Saving.open(study) -> Promise of a record {study, session, form, answers, ...} and where its answers go (`mode`):
     server    answers are posted one by one; each is sent again until the server has acknowledged it
     mturk     all answers go to Mechanical Turk's form at the end
     download  the participant gets a file
*/
window.Saving = (() => {
  const query = new URLSearchParams(location.search);
  const store = { record: null, mode: "download", base: "", problem: () => {} };
  let sending = null;

  const shelf = (study) => `condfoley-study-${study}`;

  function keep() {
    try {
      localStorage.setItem(shelf(store.record.study), JSON.stringify(store.record));
    } catch {
      /* private windows and third-party frames may forbid it: the study still works, it only cannot be resumed */
    }
  }

  function kept(study) {
    try {
      const record = JSON.parse(localStorage.getItem(shelf(study)));
      return record && record.study === study ? record : null;
    } catch {
      return null;
    }
  }

  const randomName = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  async function post(path, body) {
    const headers = { "Content-Type": "application/json" };
    return fetch(store.base + path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  async function hasServer(study) {
    if (!store.base && !location.protocol.startsWith("http")) return false;
    try {
      const reply = await fetch(`${store.base}api/study`);
      return reply.ok && (await reply.json()).study === study;
    } catch {
      return false;
    }
  }

  function worker() {
    return query.get("PROLIFIC_PID") || query.get("workerId") || query.get("participant") || "";
  }

  function turk() {
    const home = query.get("turkSubmitTo") || "";
    const known = /^https:\/\/(www|workersandbox)\.mturk\.com$/.test(home);
    return known && query.get("assignmentId") ? { home, assignment: query.get("assignmentId") } : null;
  }

  async function open(plan) {
    store.base = plan.endpoint ? plan.endpoint.replace(/\/?$/, "/") : "";
    if (turk()) store.mode = "mturk";
    else if (await hasServer(plan.study)) store.mode = "server";
    else if (plan.endpoint) throw new Error("no server");
    const earlier = kept(plan.study);
    if (earlier && earlier.mode === store.mode) {
      store.record = earlier;
      if (store.mode === "server") send();
      return store;
    }
    const fresh = { study: plan.study, mode: store.mode, answers: [], acknowledged: 0, practised: 0, checks: [] };
    if (store.mode === "server") {
      const reply = await post("api/sessions", { study: plan.study, worker: worker() });
      if (!reply.ok) throw new Error(`server says ${reply.status}`);
      Object.assign(fresh, await reply.json());
    } else {
      const wanted = Number.parseInt(query.get("form"), 10);
      const any = Math.floor(Math.random() * plan.forms.length);
      fresh.session = randomName();
      fresh.form = wanted >= 0 && wanted < plan.forms.length ? wanted : any;
    }
    store.record = fresh;
    keep();
    return store;
  }

  /* Every answer is in the record before it is sent, so a reload or a dead server loses none. */
  function add(answer) {
    store.record.answers.push(answer);
    keep();
    if (store.mode === "server") send();
  }

  const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

  async function insist(path, body) {
    for (let wait = 0.5; ; wait = Math.min(2 * wait, 20)) {
      try {
        const reply = await post(path, body);
        if (reply.ok) {
          store.problem(false);
          return await reply.json();
        }
        if (reply.status < 500 && reply.status !== 429) throw new Refusal(`server says ${reply.status}`);
      } catch (error) {
        if (error instanceof Refusal) throw error;
      }
      store.problem(true);
      await pause(wait);
    }
  }

  class Refusal extends Error {}

  function send() {
    sending ??= (async () => {
      const record = store.record;
      while (record.acknowledged < record.answers.length) {
        const answer = record.answers[record.acknowledged];
        await insist("api/answers", { study: record.study, session: record.session, answer });
        record.acknowledged += 1;
        keep();
      }
    })().finally(() => (sending = null));
    sending.catch(() => {}); // `finish` meets the refusal again and shows it
    return sending;
  }

  /* Promise of {code} once everything is acknowledged; rejected when the server refuses for good. */
  async function finish() {
    if (store.mode !== "server") return {};
    await send();
    const { study, session, checks } = store.record;
    return insist("api/finish", { study, session, headphones: checks });
  }

  function file() {
    const { study, session, form, answers, checks } = store.record;
    return JSON.stringify({ study, session, form, headphones: checks, answers });
  }

  return Object.assign(store, { open, add, keep, finish, file, turk });
})();
