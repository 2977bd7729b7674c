import { act, ask, fen, leftBehind, moment, node, said, say, start, yuan } from "/static/web.js";

const search = document.getElementById("search"), adjust = document.getElementById("adjust");
const lines = document.querySelector("#lines tbody"), more = document.getElementById("more");
const shown = document.getElementById("evidence");
const SHAPES = { DONE: "✓", VOID: "○", GREY: "?", OPEN: "…", REFUSED: "✗", ADMITTED: "★" };
const STATES = { asked: ["… 待确认", "… to be confirmed"], given: ["✓ 已调整", "✓ given"], refused: ["✗ 已拒绝", "✗ refused"],
  withdrawn: ["○ 已撤回", "○ withdrawn"] };
let chosen = 0;

async function find(before = 0) {
  const form = new FormData(search);
  const answer = await ask("taps", { card: form.get("card"), day: form.get("day"), before });
  if (!answer.ok) return said(answer.body, false);
  if (!before) lines.replaceChildren();
  lines.append(...answer.body.lines.map(row));
  document.getElementById("nothing").hidden = lines.rows.length > 0;
  more.hidden = !answer.body.next;
  more.onclick = () => find(answer.body.next);
}

function row(line) {
  const made = node("tr", [
    node("td", String(line.seq), { class: "number" }), node("td", moment(line.at)), node("td", line.card),
    node("td", line.amount_fen === null ? "" : yuan(line.amount_fen), { class: "number" }),
    node("td", say(line.reason_zh, line.reason_en)), node("td", [`${SHAPES[line.outcome]} `, say(line.zh, line.en)]),
  ], { tabindex: 0, "data-seq": line.seq });
  const choose = () => line.amount_fen === null
    ? said({ zh: "没有扣款，无需调整", en: "no money was taken: there is nothing to put right" }) : show(line.seq);
  made.addEventListener("click", choose);
  made.addEventListener("keydown", (event) => {
    if (event.key === "Enter") choose();
    const next = { ArrowDown: made.nextElementSibling, ArrowUp: made.previousElementSibling }[event.key];
    if (next) { next.focus(); event.preventDefault(); }
  });
  return made;
}

async function show(seq) {
  const answer = await ask("tap", { seq });
  if (!answer.ok) return said(answer.body, false);
  const { line, held, outcomes, steps, explained_by, left_fen } = answer.body;
  chosen = seq;
  for (const one of lines.rows) one.setAttribute("aria-selected", one.dataset.seq === String(seq));
  shown.hidden = false;
  shown.querySelector("h2").replaceChildren(say(`第 ${seq} 行：${yuan(held.amount)} 元`, `Row ${seq}: ${yuan(held.amount)} yuan`));
  const facts = [
    ["时间", "Time", moment(line.at)], ["卡号", "Card", held.card], ["卡类", "Class", held.card_class],
    ["扣款前余额", "Balance before", yuan(held.balance)], ["票价", "Taken", yuan(held.amount)],
    ["线路", "Line", `${held.service.line} (${held.service.vehicle})`], ["站点", "Stop", held.service.stop || "—"],
    ["票价包", "Tariff", held.service.pack], ["卡计数器", "Card counter", String(held.counter)],
    ["PSAM", "PSAM", `${held.psam} / ${held.psam_counter}`],
    ...outcomes.map(({ seq: number, at, event }) => ["结果", "Outcome",
      `${event.kind} ${event.tac ? `TAC ${event.tac} ` : event.why || ""}(${number}, ${moment(at)})`]),
    ["还可退", "Can be given back", yuan(left_fen)],
  ];
  shown.querySelector("dl").replaceChildren(...facts.flatMap(([zh, en, value]) => [node("dt", say(zh, en)), node("dd", value)]));
  const told = steps.map((step) => node("li", [say(step.zh, step.en), node("br"),
    ...step.notes.flatMap((note) => [node("small", [note.matched ? "✓ " : "✗ ", `${note.where} ${note.said} `,
      say(note.zh, note.en)]), node("br")])]));
  const gone = node("li", say("当日票价包已不在本机，无法解释", "the pack of that day is not here any more"));
  shown.querySelector("ol").replaceChildren(...(explained_by ? told : [gone]));
  adjust.hidden = left_fen <= 0;
  adjust.elements.yuan.value = yuan(left_fen);
}

async function adjustments() {
  const answer = await ask("adjustments");
  if (!answer.ok) return;
  document.querySelector("#adjustments tbody").replaceChildren(...answer.body.map((one) => node("tr", [
    node("td", String(one.seq), { class: "number" }), node("td", String(one.debit), { class: "number" }),
    node("td", moment(one.at)), node("td", yuan(one.amount_fen), { class: "number" }), node("td", one.asked_by),
    node("td", [say(...STATES[one.state]), one.by && ` (${one.by})`]),
    node("td", one.state === "asked" ? [button("adjust_confirm", one, "确认", "Confirm"), " ", button("adjust_drop", one, "撤回 / 拒绝", "Withdraw / refuse")] : ""),
  ])));
}

function button(name, one, zh, en) {
  const made = node("button", say(zh, en), { type: "button", "data-act": name });
  made.addEventListener("click", async () => {
    made.disabled = true;
    await ended(await act(name, { asked: one.seq }));
    made.disabled = false;
  });
  return made;
}

async function ended(answer) {
  if (answer.ok) said({ zh: "已办理", en: "done" });
  await adjustments();
  if (chosen) await show(chosen);
}

search.addEventListener("submit", (event) => { event.preventDefault(); find(); });
adjust.addEventListener("submit", async (event) => {
  event.preventDefault();
  const amount = fen(adjust.elements.yuan.value);
  if (!amount) return said({ zh: "金额不对，如 1.50", en: "no amount; write it as 1.50" }, false);
  const button = adjust.querySelector("button");
  button.disabled = true;
  await ended(await act("adjust_ask", { debit: chosen, amount_fen: amount, why: adjust.elements.why.value }));
  button.disabled = false;
});

start();
await leftBehind();
await Promise.all([find(), adjustments()]);
document.body.dataset.ready = "yes";
