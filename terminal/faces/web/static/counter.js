// What every counter's page has: the card that lies there, the shape of an outcome, keys.
import { act, ask, node, say } from "/static/web.js";

export const shaped = (shape, zh, en) => [`${shape} `, say(zh, en)];

// Tells of each card that comes and goes, for as long as the page is open.
export async function watchCard(onSeen) {
  for (let nth = 0; ;) {
    try {
      const found = await ask("card", { nth });
      if (found.ok && found.body.nth !== nth) {
        nth = found.body.nth;
        onSeen(found.body);
      } else if (!found.ok) await new Promise((go) => setTimeout(go, 2000));
    } catch {
      await new Promise((go) => setTimeout(go, 1000)); // the banner says that the terminal is away
    }
  }
}

// One act after the other, in the order of the scans, whatever each of them takes.
let last = Promise.resolve();
export function inTurn(name, body) {
  last = last.then(() => act(name, body));
  return last;
}

// Keys of the page: {F2: function, ...}; the element `home` has the focus whenever nothing else wants it.
export function keys(table, home) {
  document.addEventListener("keydown", (event) => {
    const wanted = table[event.key];
    if (wanted && !event.altKey && !event.ctrlKey) {
      event.preventDefault();
      wanted();
    }
  });
  home.focus();
  document.addEventListener("focusout", () => setTimeout(() => document.activeElement === document.body && home.focus(), 0));
}

export const slip = (lines) => node("pre", lines.join("\n"), { class: "slip" });
