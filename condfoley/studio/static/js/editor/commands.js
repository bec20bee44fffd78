// Everything that can be done by a key: one table, which the keyboard, buttons' tooltips and the help sheet share.

/** keys: as "Space", "Shift+ArrowLeft", "Mod+z" (Mod: Ctrl, on a Mac Command), "?".
 * @typedef {{id: string, keys: string[], label: string, group: "play"|"view"|"cues"|"edit"|"other", run: () => any,
 *   when?: () => boolean}} Command
 * label: words. when: whether it can be done now. */

export const MAC = /Mac|iP(hone|ad)/.test(navigator.platform);

export class Commands {
  constructor() {
    /** @type {Command[]} */
    this.list = [];
    this.listener = (/** @type {KeyboardEvent} */ event) => this.handle(event);
    document.addEventListener("keydown", this.listener);
  }

  /** Raises an error when a key is taken. @param {...Command} commands */
  add(...commands) {
    for (const command of commands) {
      for (const key of command.keys) {
        const other = this.list.find((one) => one.keys.includes(key));
        if (other) throw new Error(`${key} of ${command.id} is taken by ${other.id}`);
      }
      this.list.push(command);
    }
  }

  /** @param {string} id */
  run(id) {
    const found = this.list.find((one) => one.id === id);
    if (found && (found.when?.() ?? true)) return found.run();
  }

  /** What a command is called. @param {string} id */
  label(id) {
    return this.list.find((one) => one.id === id)?.label ?? id;
  }

  /** The first key of a command as it is shown. @param {string} id */
  keys(id) {
    const found = this.list.find((one) => one.id === id)?.keys[0];
    return found ? shown(found) : "";
  }

  /** @param {KeyboardEvent} event */
  handle(event) {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (
      target.closest(
        "input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]",
      )
    )
      return;
    const key = keyOf(event);
    // What a focused control does with these keys by itself comes first.
    if ((key === "Space" || key === "Enter") && target.closest("button, a, summary, [role=tab], input")) return;
    if (/^(Shift\+)?(Arrow|Home|End|Page)/.test(key) && target.closest("input, [role=tablist], [role=radiogroup]"))
      return;
    const command = this.list.find((one) => one.keys.includes(key) && (one.when?.() ?? true));
    if (!command) return;
    event.preventDefault();
    command.run();
  }

  close() {
    document.removeEventListener("keydown", this.listener);
  }
}

/** @param {KeyboardEvent} event */
export function keyOf(event) {
  const mod = MAC ? event.metaKey : event.ctrlKey;
  const name = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // Shift is a part of characters such as "?" and "+", which are elsewhere on other keyboards.
  const shift = event.shiftKey && (event.key.length > 1 || /[a-z]/i.test(event.key) || event.key === " ");
  return `${mod ? "Mod+" : ""}${event.altKey ? "Alt+" : ""}${shift ? "Shift+" : ""}${name}`;
}

/** A key as people write it. @param {string} key */
export function shown(key) {
  const names = {
    Mod: MAC ? "⌘" : "Ctrl",
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    Escape: "Esc",
    Delete: "Del",
  };
  return key
    .split(/\+(?=.)/)
    .map((part) => names[/** @type {keyof typeof names} */ (part)] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join("+");
}
