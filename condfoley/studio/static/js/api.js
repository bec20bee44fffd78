// The HTTP contract: one function a request, errors as ApiError with the server's line.

const random = () =>
  [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** A random id of this tab, for the lease. It lasts through reloads, but is stored only while the page is away: a
 * duplicated tab, which has a copy of the storage, must not have the same one. */
export const TAB = sessionStorage.getItem("tab") ?? random();
sessionStorage.removeItem("tab");
addEventListener("pagehide", () => sessionStorage.setItem("tab", TAB));
addEventListener("pageshow", () => sessionStorage.removeItem("tab"));

/** What the server refused (status 4xx, 5xx), or that it was not reached (status 0). */
export class ApiError extends Error {
  /** @param {number} status @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }

  /** The server is away or has too much to do: trying again later makes sense. */
  get away() {
    return [0, 429, 502, 503].includes(this.status);
  }
}

/** Tells "online" or "offline" as requests succeed or the server is not reached. */
export const connection = new EventTarget();
let online = true;

/** @param {boolean} now */
function heard(now) {
  if (now === online) return;
  online = now;
  connection.dispatchEvent(new Event(now ? "online" : "offline"));
}

/** A request. `json`: body as JSON; `body`: raw body. Raises ApiError.
 * @param {string} method @param {string} path
 * @param {{json?: any, body?: BodyInit|null, signal?: AbortSignal}} [given] @returns {Promise<Response>} */
export async function request(method, path, { json, body = null, signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = { "X-Condfoley": "studio", "X-Tab": TAB };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, body: json === undefined ? body : JSON.stringify(json) });
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") throw error;
    heard(false);
    throw new ApiError(0, "the server does not answer");
  }
  heard(true);
  if (answer.ok) return answer;
  let detail = `${answer.status} ${answer.statusText}`;
  try {
    const said = (await answer.json()).detail;
    detail =
      typeof said === "string" ? said : Array.isArray(said) ? said.map((part) => part.msg ?? part).join("; ") : detail;
  } catch {
    // not JSON: the status says it
  }
  throw new ApiError(answer.status, detail);
}

/** @param {string} path @param {AbortSignal} [signal] */
export const getJson = async (path, signal) => bodyOf(await request("GET", path, { signal }));
/** @param {string} method @param {string} path @param {any} [json] */
export async function send(method, path, json) {
  const answer = await request(method, path, { json });
  return answer.status === 204 ? null : bodyOf(answer);
}

/** A reply's JSON. Raises ApiError where it ends too early: the server died, or the page is being left.
 * @param {Response} answer @returns {Promise<any>} */
async function bodyOf(answer) {
  try {
    return await answer.json();
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") throw error;
    throw new ApiError(0, "the server's reply was cut off");
  }
}

/** A path with a query; null, undefined and empty lists are left out.
 * @param {string} path
 * @param {Record<string, any>} values */
export function withQuery(path, values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === false) continue;
    query.set(name, Array.isArray(value) ? value.join(",") : value === true ? "1" : String(value));
  }
  return `${path}?${query}`;
}

export const about = () => getJson("/api/about");

// Clips
export const clips = () => getJson("/api/clips");
/** @param {string} id @returns {Promise<import("./types.js").Clip>} */
export const clip = (id) => getJson(`/api/clips/${id}`);
/** @param {string} id */
export const removeClip = (id) => send("DELETE", `/api/clips/${id}`);
export const library = () => getJson("/api/library");
/** @param {string} name @returns {Promise<import("./types.js").Clip>} */
export const clipFromLibrary = (name) => send("POST", "/api/library", { name });
/** @param {string} id of the target
 * @returns {Promise<{state: string, error: string, found: {name: string, score: number}[], left_out: number}>} */
export const fitting = (id) => getJson(`/api/clips/${id}/fitting`);
/** @param {string} id @param {AbortSignal} [signal] @returns {Promise<import("./types.js").Events>} */
export const events = (id, signal) => getJson(`/api/clips/${id}/events`, signal);
/** @param {string} id */
export const clipMedia = (id) => `/api/clips/${id}/media`;

/** Uploads a file; XMLHttpRequest, because fetch tells no progress of a body.
 * @param {Blob} file @param {string} name @param {(part: number) => void} [onProgress] 0 to 1
 * @returns {{done: Promise<import("./types.js").Clip>, cancel: () => void}} */
export function upload(file, name, onProgress = () => {}) {
  const sending = new XMLHttpRequest();
  /** @type {Promise<import("./types.js").Clip>} */
  const done = new Promise((resolve, reject) => {
    sending.open("POST", withQuery("/api/clips", { name }));
    sending.setRequestHeader("X-Condfoley", "studio");
    sending.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    sending.onerror = () => reject(new ApiError(0, "the server does not answer"));
    sending.onabort = () => reject(new ApiError(0, "cancelled"));
    sending.onload = () => {
      let said;
      try {
        said = JSON.parse(sending.responseText);
      } catch {
        said = { detail: `${sending.status} ${sending.statusText}` };
      }
      if (sending.status === 201) resolve(said);
      else reject(new ApiError(sending.status, String(said.detail)));
    };
    sending.send(file);
  });
  return { done, cancel: () => sending.abort() };
}

// Jobs
export const jobs = () => getJson("/api/jobs");
/** @param {Record<string, any>} wanted @returns {Promise<import("./types.js").Job>} */
export const startJob = (wanted) => send("POST", "/api/jobs", wanted);
/** @param {string} id */
export const cancelJob = (id) => send("DELETE", `/api/jobs/${id}`);

/** Asks until the job is over; goes on through times when the server is away.
 * @param {string} id @param {(job: import("./types.js").Job) => void} [onChange] @param {AbortSignal} [signal]
 * @returns {Promise<import("./types.js").Job>} the job, done, failed or cancelled */
export async function followJob(id, onChange = () => {}, signal) {
  for (let pause = 150; ; pause = Math.min(pause * 1.2, 600)) {
    try {
      const now = await getJson(`/api/jobs/${id}`, signal);
      onChange(now);
      if (now.state !== "queued" && now.state !== "running") return now;
    } catch (error) {
      if (!(error instanceof ApiError) || !error.away) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

// Projects
export const projects = () => getJson("/api/projects");
/** @param {string} id @returns {Promise<import("./types.js").View>} */
export const project = (id) => getJson(`/api/projects/${id}`);
/** Loudness of a revision, which takes a second or more for a long one. @param {string} id @param {number} revision */
export const loudness = (id, revision) => getJson(withQuery(`/api/projects/${id}/loudness`, { revision }));
/** @param {string} id @param {string} name */
export const renameProject = (id, name) => send("PATCH", `/api/projects/${id}`, { name });
/** @param {string} id */
export const removeProject = (id) => send("DELETE", `/api/projects/${id}`);
/** @param {string} id @param {number} base @param {import("./types.js").Operation[]} operations
 * @returns {Promise<import("./types.js").View>} */
export const editProject = (id, base, operations) => send("POST", `/api/projects/${id}/edits`, { base, operations });
/** @param {string} id @param {number} to @returns {Promise<import("./types.js").View>} */
export const goToRevision = (id, to) => send("POST", `/api/projects/${id}/revision`, { to });
/** All kept versions of a project, the first one first.
 * @param {string} id @returns {Promise<{revision: number, changed: string}[]>} */
export const revisions = (id) => getJson(`/api/projects/${id}/revisions`);
/** @param {string} id @returns {Promise<{writable: boolean, why: string}>} */
export const takeLease = (id) => send("POST", `/api/projects/${id}/lease`);
/** Gives the lease back, also while the page is being closed. @param {string} id */
export function dropLease(id) {
  const headers = { "X-Condfoley": "studio", "X-Tab": TAB };
  fetch(`/api/projects/${id}/lease`, { method: "DELETE", headers, keepalive: true }).catch(() => {});
}
