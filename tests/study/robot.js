/* A participant for test_browser.py: works the page through its own controls, as fast as the clips play.
   arguments[0]: {favourites: clips preferred by `pattern`, pattern: [whether to choose the favourite, trial by trial],
                  right: right clips of sentinels and practice, notices: whether it prefers those} */
const { favourites, pattern, right, notices } = arguments[0];
window.seen = new Set();
const name = (video) => video.src.match(/(\w+)\.mp4/)[1];
const choose = (names) => {
  const known = names.findIndex((clip) => right.includes(clip));
  if (known >= 0) return notices ? known : 1 - known;
  const favourite = names.findIndex((clip) => favourites.includes(clip));
  return pattern[window.seen.size % pattern.length] ? favourite : 1 - favourite;
};
window.robot = setInterval(() => {
  const page = document.querySelector("#study");
  const press = (where) => page.querySelector(where)?.click();
  if (page.querySelector(".code")) return clearInterval(window.robot);
  const fieldsets = [...page.querySelectorAll("fieldset")];
  if (!fieldsets.length) {
    const ready = page.querySelector("#jspsych-html-button-response-btngroup button:not(:disabled)");
    return ready ? ready.click() : press(".play:not(:disabled)");
  }
  if ([...page.querySelectorAll("video")].some((video) => !video.paused)) return;
  if (fieldsets[0].disabled) return press(".next button:not(:disabled)");
  const names = [...page.querySelectorAll(".clips:not(:first-of-type) video, .clips ~ .clips video")].map(name);
  const proceed = page.querySelector(".continue");
  if (proceed.disabled) {
    const place = choose(names);
    for (const fieldset of fieldsets) fieldset.querySelectorAll("input")[place].click();
  }
  if (favourites.some((clip) => names.includes(clip))) window.seen.add(names.join());
  proceed.click();
}, 30);
