import { node, sound, start, yuan } from "/static/web.js";

// Both languages stand on the screen together: a passenger clicks nothing.
const tap = document.getElementById("tap");
const [headline, second, money, details] = ["h1", ".second", ".money", ".details"].map((part) => tap.querySelector(part));
let state, until = 0, timer;

function draw(shape, light, zh, en, amounts = [], lines = []) {
  tap.dataset.light = light;
  tap.dataset.shape = shape;
  tap.querySelector("use").setAttribute("href", `#${shape}`);
  headline.textContent = zh;
  second.textContent = en;
  money.textContent = amounts.join("　");
  details.replaceChildren(...lines.flatMap((line) => [line, node("br")]));
}

function waiting() {
  if (!state || performance.now() < until) return;
  const open = state.mode === "ready" || state.mode === "serving";
  if (open) draw("card", "blue", "请刷卡", "Tap your card");
  else draw("bell", state.mode === "closed" ? "red" : "off", state.zh, state.en);
}

start({
  onSignal(signal) {
    const amounts = [["票价", "fare", signal.amount_fen], ["余额", "balance", signal.balance_fen]]
      .filter(([, , fen]) => fen !== null).map(([zh, en, fen]) => `${zh} ${en} ￥${yuan(fen)}`);
    draw(signal.shape, signal.light, signal.zh, signal.en, amounts, [...signal.zh_detail, ...signal.en_detail]);
    sound(signal.tone, signal.light);
    const hold = state ? state.hold_ms : 4000;
    until = performance.now() + hold;
    clearTimeout(timer);
    timer = setTimeout(waiting, hold + 20);
  },
  onState(fresh) {
    state = fresh;
    waiting();
  },
});
