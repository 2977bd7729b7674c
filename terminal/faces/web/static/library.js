import { act, ask, fen, leftBehind, node, said, say, sound, start } from "/static/web.js";
import { inTurn, keys, shaped, slip, watchCard } from "/static/counter.js";
import { buttons, drawDeal, running, watchTill } from "/static/till.js";

const part = (id) => document.getElementById(id);
const scan = document.querySelector("#scan input"), results = part("results");
const COLOURS = { done: ["good", "-", "green"], queued: ["queued", "-.", "yellow"], refused: ["bad", "...", "red"],
  unclear: ["bad", "--.", "red"] };
const ACTS = { lend: ["借", "lend"], return: ["还", "return"], renew: ["续", "renew"], fee: ["费", "fee"] };
let mode = "lend", visit = sessionStorage.getItem("visit") || "", owed = null, deal = null;

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
  const reader = found.body, money = document.querySelector("#fee input");
  owed = fen(reader.fee);
  money.placeholder = owed ? reader.fee : "";
  const open = reader.known && !reader.blocked.length;
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
  drawDeal(null);
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
  if (item) taken(item);
});

// A code, typed or scanned: a card's number names the reader, all else is a book.
function taken(item) {
  if (/^\d{20}$/.test(item)) identified("typed", { card: item });
  else if (mode === "return") doIt("return", { item });
  else if (visit) doIt(mode, { visit, item });
  else said({ zh: "请先放卡或扫描卡号", en: "the reader's card first" }, false);
}

part("fee").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = event.target.elements.yuan, sum = fen(field.value);
  if (feeIsGood(sum)) {
    field.value = "";
    scan.focus();
    doIt("fee", { visit, fen: sum });
  }
});

function feeIsGood(sum) {
  if (visit && sum) return true;
  said(visit ? { zh: "金额有误", en: "not an amount" } : { zh: "请先放卡或扫描卡号", en: "the reader's card first" }, false);
  return false;
}

// F10: from the purse, the sum that was keyed or else all that is owed; while a fee waits for its card, F10 gives it up.
async function purse() {
  if (running(deal)) return inTurn("till_leave", {});
  const field = part("fee").elements.yuan, sum = field.value.trim() ? fen(field.value) : owed;
  if (!feeIsGood(sum)) return;
  field.value = "";
  scan.focus();
  const answer = await inTurn("library_pay", { visit, fen: sum });
  if (answer.ok) watchFee(answer.body.order);
}

// Looks at the till for as long as a fee waits for its card: the one of that order, or whichever waits.
async function watchFee(order = "") {
  await watchTill((stand) => {
    const fee = stand.deal && stand.deal.what === "fee" ? stand.deal : null;
    if (running(fee)) order = fee.order;
    deal = fee && fee.order === order ? fee : null;
    if (deal) drawDeal(deal);
    return running(deal);
  });
  if (deal && deal.step === "done") paid(deal);
}

// A fee that a purse has paid while this page was open: what the library's system made of it.
async function paid({ order }) {
  for (;;) {
    const found = await ask("library_fee_told", { order });
    if (!found.ok) return;
    if (!found.body.done) continue;
    told(found.body.done);
    if (found.body.done.outcome === "refused") said({ zh: "图书馆系统不收此款：请记退款，凭条号见小票",
      en: "the library system does not take it: note a refund by the receipt's number" }, false);
    await Promise.all([visit ? show(visit) : null, open()]);
    return;
  }
}

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
  F7: () => identified("library_contact", {}), F9: () => part("fee").elements.yuan.focus(), F10: purse }, scan);
part("purse").addEventListener("click", purse);
buttons(scan);
const left = await leftBehind();
if (left && left.state === "done" && left.name.startsWith("library_") && left.answer.outcome) told(left.answer);
if (visit) await show(visit);
open();
watchCard((seen) => {
  if (seen.visit) show(seen.visit);
  else if (seen.zh) said(seen, false);
}, taken);
watchFee();
