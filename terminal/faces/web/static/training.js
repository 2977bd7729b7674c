import { ask, node, post, say, yuan } from "/static/web.js";

// The tray: what a trainer's hand does. Not by `act`: that remembers what the clerk has on the way.
const tray = document.getElementById("tray");
const hand = async (name, body = {}) => {
  await post(`tray_${name}`, body, { "X-SMK-Operation": crypto.randomUUID() });
  await draw();
};

function button(zh, en, act, pressed = false) {
  const made = node("button", say(zh, en), { type: "button", "aria-pressed": String(pressed) });
  made.addEventListener("click", act);
  made.addEventListener("mousedown", (event) => event.preventDefault()); // the clerk's field keeps the focus
  return made;
}

function row(card, lying) {
  const down = lying.down === card.name, inside = lying.inside === card.name;
  const words = node("p", [say(card.zh, card.en), ` …${card.tail}${card.fen === null ? "" : ` ￥${yuan(card.fen)}`}`]);
  const made = node("div", words, { class: down || inside ? "lying" : "", "data-card": card.name });
  made.append(down ? button("取卡", "take away", () => hand("up"), true)
    : button("放卡", "put down", () => hand("down", { name: card.name })));
  if (card.contact) made.append(inside ? button("退卡", "take out", () => hand("withdraw"), true)
    : button("插卡", "insert", () => hand("insert", { name: card.name })));
  return made;
}

let drawn = "";
async function draw() {
  const found = await ask("tray");
  if (!found.ok || JSON.stringify(found.body) === drawn) return; // what has the focus keeps it
  drawn = JSON.stringify(found.body);
  const lying = found.body;
  tray.hidden = false;
  tray.replaceChildren(node("h2", say("卡盘", "Tray")), ...lying.cards.map((card) => row(card, lying)),
    button("下次扣款/写卡前拔卡", "pull at the next payment, before", () => hand("pull", { executed: false })),
    button("下次扣款/写卡后拔卡", "pull at the next payment, after", () => hand("pull", { executed: true })));
}

if (document.querySelector('meta[name="smk-token"]').content) {
  await draw();
  setInterval(draw, 2000);
}
