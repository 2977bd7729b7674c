import { act, ask, fen, leftBehind, node, said, say, sound, start } from "/static/web.js";
import { inTurn, keys, shaped, slip, watchCard } from "/static/counter.js";

const part = (id) => document.getElementById(id);
const scan = document.querySelector("#scan input"), results = part("results");
const COLOURS = { done: ["good", "-", "green"], queued: ["queued", "-.", "yellow"], refused: ["bad", "...", "red"],
  unclear: ["bad", "--.", "red"] };
const ACTS = { lend: ["借", "lend"], return: ["还", "return"], renew: ["续", "renew"], fee: ["费", "fee"] };
let mode = "lend", visit = sessionStorage.getItem("visit") || "";

function choose(wanted) {
  mode = wanted;
  for (const name of ["lend", "return", "renew"]) part(name).setAttribute("aria-checked", String(name === mode));
  scan.focus();
}

function empty() {
  part("reader").replaceChildren(node("h1", say("请放卡", "Put the card down")),
    node("p", say("或扫描 20 位卡号；F7 读接触芯片", "or scan its number of 20 digits; F7 reads the contact chip")));
}

async function show(token) {
  visit = token;
  sessionStorage.setItem("visit", token);
  const found = await ask("library_reader", { visit });
  if (visit !== token) return; // another card came meanwhile
  if (!found.ok) {
    visit = "";
    sessionStorage.removeItem("visit");
    empty();
    return said(found.body, false);
  }
  const reader = found.body, open = reader.known && !reader.blocked.length;
  const state = !reader.known ? ["✗", "未登记的读者，可现场办理", "not a reader yet: offer to enrol"]
    : open ? ["✓", "可借", "may borrow"] : ["✗", "停借", "may not borrow"];
  part("reader").replaceChildren(
    node("h1", [reader.name || say("读者", "Reader"), ` …${reader.tail}`]),
    node("p", shaped(...state), { class: open ? "good" : "bad" }),
    ...reader.blocked.map((why) => node("p", why)),
    ...(reader.fee ? [node("p", [say("欠费", "owes"), ` ￥${reader.fee}`])] : []),
    node("p", reader.online ? say("● 图书馆系统在线", "● library system online")
      : say("○ 离线：只知本机记录", "○ offline: only what this counter knows")),
    node("ul", reader.items.map((item) => node("li", item))));
}

function told(done) {
  const [colour, pattern, light] = COLOURS[done.outcome], [zh, en] = ACTS[done.act];
  const day = done.due.replace(/^(\d{4})(\d\d)(\d\d)\b.*/, "$1-$2-$3");
  const due = day ? [" ", say("应还", "due"), ` ${day}`] : [];
  const alert = done.alert ? [" ", node("b", say("有人预约，放预约架", "on hold for another reader"))] : [];
  results.prepend(node("li", [...shaped(done.shape, `${zh} ${done.zh}`, `${en}: ${done.en}`), ` ${done.item} ${done.title}`,
    ...due, done.words ? ` ${done.words}` : "", ...alert], { class: colour, "data-outcome": done.outcome }));
  while (results.children.length > 12) results.lastChild.remove();
  sound(pattern, light);
}

async function doIt(name, body) {
  const answer = await inTurn(`library_${name}`, body);
  if (!answer.ok) return;
  told(answer.body);
  await Promise.all([visit ? show(visit) : null, open()]);
}

async function open() {
  const found = await ask("library_open");
  if (!found.ok) return;
  const { standing, acts } = found.body;
  part("standing").replaceChildren(standing.reachable ? say("● 图书馆系统在线", "● library system online")
    : say("○ 图书馆系统不可达，按离线规则办理", "○ library system away: local rules hold"), " · ",
    say(`待传 ${standing.waiting} · 例外 ${standing.exceptions}`, `waiting ${standing.waiting} · exceptions ${standing.exceptions}`));
  part("open").tBodies[0].replaceChildren(...acts.map((one) => {
    const row = node("tr", node("td", one.line), { "data-state": one.state });
    if (one.state === "stuck") {
      const settle = node("button", say("已人工处理", "seen to by hand"), { type: "button" });
      settle.addEventListener("click", async () => (await act("library_settle", { seq: one.seq })).ok && open());
      row.append(node("td", settle));
    }
    return row;
  }));
}

async function end() {
  const answer = await inTurn("library_slip", {});
  if (!answer.ok) return;
  visit = "";
  sessionStorage.removeItem("visit");
  results.replaceChildren();
  empty();
  part("slip").replaceChildren(slip(answer.body.lines));
  said(answer.body.printed ? { zh: "凭条已送打印", en: "the slip goes to the printer" }
    : { zh: "没有打印机，凭条见屏幕", en: "no printer: the slip is on the screen" });
}

async function identified(name, body) {
  const answer = await inTurn(name, body);
  if (answer.ok) await show(answer.body.visit);
}

part("scan").addEventListener("submit", (event) => {
  event.preventDefault();
  const item = scan.value.trim();
  scan.value = "";
  if (!item) return;
  if (/^\d{20}$/.test(item)) identified("typed", { card: item });
  else if (mode === "return") doIt("return", { item });
  else if (visit) doIt(mode, { visit, item });
  else said({ zh: "请先放卡或扫描卡号", en: "the reader's card first" }, false);
});

part("fee").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = event.target.elements.yuan, sum = fen(field.value);
  if (!visit) return said({ zh: "请先放卡或扫描卡号", en: "the reader's card first" }, false);
  if (!sum) return said({ zh: "金额有误", en: "not an amount" }, false);
  field.value = "";
  scan.focus();
  doIt("fee", { visit, fen: sum });
});

for (const name of ["lend", "return", "renew"]) part(name).addEventListener("click", () => choose(name));
part("end").addEventListener("click", end);
part("replay").addEventListener("click", async () => {
  const answer = await inTurn("library_replay", {});
  if (answer.ok) {
    const came = answer.body;
    said({ zh: `已核实 ${came.done} · 需人工 ${came.stuck} · 未发生 ${came.not_done} · 待传 ${came.left} ${came.away}`,
      en: `done ${came.done}, exceptions ${came.stuck}, not done ${came.not_done}, left ${came.left} ${came.away}` }, !came.away);
  }
  open();
});

start();
choose("lend");
keys({ F2: () => choose("lend"), F3: () => choose("return"), F4: () => choose("renew"), F6: end,
  F7: () => identified("library_contact", {}), F9: () => part("fee").elements.yuan.focus() }, scan);
const left = await leftBehind();
if (left && left.state === "done" && left.name.startsWith("library_") && left.answer.outcome) told(left.answer);
if (visit) await show(visit);
open();
watchCard((seen) => {
  if (seen.visit) show(seen.visit);
  else if (seen.zh) said(seen, false);
});
