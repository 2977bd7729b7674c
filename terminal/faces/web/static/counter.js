// What every counter's page has: the card that lies there, the shape of an outcome, keys.
import { act, ask, node, say } from "/static/web.js";

export const shaped = (shape, zh, en) => [`${shape} `, say(zh, en)];

// Tells of each card that comes and goes, and of each code from a serial scanner, for as long as the page is open. A
// code goes to one page alone, the one that the clerk opened or looked at last.
export async function watchCard(onSeen, onScan) {
  for (let nth = 0, before = ""; ;) {
    try {
      const found = await ask("card", { nth });
      if (found.ok && found.body.nth !== nth) {
        const { scans, scanner, nth: now, ...seen } = found.body, card = JSON.stringify(seen);
        nth = now;
        if (card !== before) onSeen(seen);
        before = card;
        plugged(scanner);
        if (scans.length && isDesk()) scans.forEach((code) => onScan?.(code));
      } else if (!found.ok) await new Promise((go) => setTimeout(go, 2000));
    } catch {
      await new Promise((go) => setTimeout(go, 1000)); // the banner says that the terminal is away
    }
  }
}

const me = crypto.randomUUID(), claim = () => localStorage.setItem("desk", me);
claim();
for (const sign of ["focus", "keydown", "pointerdown"]) addEventListener(sign, claim);
document.addEventListener("visibilitychange", () => document.hidden || claim());
addEventListener("pagehide", () => localStorage.getItem("desk") === me && localStorage.removeItem("desk"));

function isDesk() {
  if (!localStorage.getItem("desk")) claim();
  return localStorage.getItem("desk") === me;
}

// Whether the serial scanner is there, where a page has a place for it.
function plugged(scanner) {
  const place = document.getElementById("scanner");
  if (!place || !scanner || place.dataset.is === scanner) return;
  place.dataset.is = scanner;
  place.className = scanner === "ready" ? "good" : "bad";
  place.replaceChildren(...(scanner === "ready" ? shaped("●", "扫码枪已连接", "the scanner is ready")
    : shaped("✗", "扫码枪未连接：插好即可继续，现在可键入", "the scanner is not there: plug it in and go on, or type meanwhile")));
}

// One act after the other, in the order of the scans, whatever each of them takes.
let last = Promise.resolve();
export function inTurn(name, body, secret) {
  last = last.then(() => act(name, body, secret));
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
