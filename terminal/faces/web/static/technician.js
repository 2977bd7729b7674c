import { act, ask, leftBehind, moment, node, said, say, start, watch, yuan } from "/static/web.js";

const MARKS = { ok: "✓", warning: "!", failed: "✗", "in use": "…" };
const STATES = { in_force: ["生效中", "in force"], previous: ["上一版", "previous"], waiting: ["待用", "waiting"] };
const kind = document.getElementById("kind").elements.kind;

function facts(id, pairs) {
  document.getElementById(id).replaceChildren(...pairs.flatMap(([zh, en, value]) => [node("dt", say(zh, en)), node("dd", value || "—")]));
}

async function device() {
  const [made, link] = [await watch("device"), await watch("link")];
  if (made.ok) {
    const { software, mode, reader, psam, clock, troubles } = made.body;
    facts("device", [["程序", "Program", software], ["状态", "Mode", mode], ["读卡器", "Reader", reader], ["PSAM", "PSAM", psam],
      ["时钟", "Clock", clock], ...Object.entries(troubles).map(([what, why]) => ["故障", "Trouble", `✗ ${what}: ${why}`])]);
  }
  if (link.ok) {
    const one = link.body, online = one.online === null ? ["—", "—"] : one.online ? ["● 在线", "● online"] : ["○ 离线", "○ offline"];
    facts("link", [["后台", "Backend", one.backend], ["连接", "Link", say(...online)], ["上次联系", "Last contact", one.last_contact],
      ["记录", "Rows", `${one.last_row}`], ["后台已有", "Acknowledged", `${one.acknowledged}`],
      ["未上传", "Unsent", `${one.unsent}　￥${yuan(one.unsent_fen)}　${one.oldest_unsent_at && moment(one.oldest_unsent_at)}`],
      ["故障", "Trouble", one.trouble]]);
  }
}

async function packs() {
  const answer = await ask("packs", { kind: kind.value });
  if (!answer.ok) return said(answer.body, false);
  document.querySelector("#packs tbody").replaceChildren(...answer.body.map((one) => node("tr", [
    node("td", say(...STATES[one.state])), node("td", one.version), node("td", one.in_force_from),
    node("td", one.ordered_for ? say(`定于 ${one.ordered_for}`, `for ${one.ordered_for}`) : one.signed),
    node("td", one.state === "waiting" ? [button("pack_order", one, "生效", "Take into force"), " ", button("pack_drop", one, "删去", "Drop")] : ""),
  ])));
}

function button(name, one, zh, en) {
  const made = node("button", say(zh, en), { type: "button", "data-act": name });
  made.addEventListener("click", async () => ended(await act(name, { version: one.version, kind: one.kind })));
  return made;
}

async function ended(answer) {
  const { version, holds_from: from } = answer.body;
  if (answer.ok) said(from ? { zh: `${version} 自 ${from} 起生效`, en: `${version} holds from ${from} on` } : { zh: `已删去 ${version}`, en: `dropped: ${version}` });
  await packs();
}

async function log() {
  const answer = await watch("log");
  if (answer.ok) document.getElementById("log").textContent = answer.body.join("\n");
}

const place = document.getElementById("stick").elements.place, load = document.getElementById("stick-load");
const SHAPES = { new: "＋", waiting: "◷", "in force": "✓" };
let clock = "", again = look; // `again`: what is done once the question about the clock is answered

async function sticks() {
  const answer = await ask("sticks");
  if (!answer.ok) return;
  document.getElementById("sticks").replaceChildren(...answer.body.map((value) => node("option", "", { value })));
  if (!place.value && answer.body.length) place.value = answer.body[0];
}

function changed(one) {
  const state = one.taken ? ["✓ 已装入", "✓ loaded"] : one.refused_zh ? [`✗ ${one.refused_zh}`, `✗ ${one.refused_en}`]
    : [`${SHAPES[one.how] || "—"} ${one.zh}`, `${SHAPES[one.how] || "—"} ${one.en}`];
  const instead = one.instead_of ? [say(`，取代 ${one.instead_of}`, `, instead of ${one.instead_of}`)] : [];
  const when = one.day ? [say(`自 ${one.day} 起，${one.when_zh}生效`, `takes force from ${one.day} on, ${one.when_en}`), ...instead] : "";
  return node("tr", [node("td", say(...state)), node("td", [say(one.kind_zh, one.kind_en), ` ${one.version}`, node("br"), one.note]),
    node("td", when), node("td", [one.signed, " ", say(`至 ${one.until}`, `until ${one.until}`)]), node("td", undo(one))],
    { "data-how": one.taken ? "taken" : one.refused_zh ? "refused" : one.how, "data-version": one.version });
}

function undo(one) {
  if (one.undo === "drop") return button("pack_drop", one, "撤回", "Undo");
  if (one.undo !== "rollback") return "";
  const made = node("button", say("撤回", "Undo"), { type: "button" });
  made.addEventListener("click", listRollback);
  return made;
}

function stickTold(answer, doAgain) {
  const question = !answer.ok && answer.body.problem === "clock_question";
  document.getElementById("stick-clock").hidden = !question;
  load.disabled = !answer.ok || !answer.body.offers.some((one) => one.how === "new" && !one.taken && one.kind !== "software");
  again = doAgain;
  if (!answer.ok) {
    document.getElementById("stick-standing").replaceChildren(`${question ? "?" : "✗"} `, say(answer.body.zh, answer.body.en));
    return document.querySelector("#stick-offers tbody").replaceChildren();
  }
  const told = answer.body, wrong = told.clock === "clock" ? [] : [" ", node("b", say(`时钟不对，按 ${told.at.slice(0, 10)} 核对`,
    `the clock is wrong: checked as of ${told.at.slice(0, 10)}`))];
  document.getElementById("stick-standing").replaceChildren(say(`✓ 签名有效，至 ${told.until}`, `✓ the signatures are good until ${told.until}`),
    ...wrong, ...(told.offers.length ? [] : [" · ", say("没有给本机的内容", "nothing for this device")]));
  document.querySelector("#stick-offers tbody").replaceChildren(...told.offers.map(changed));
}

async function look() {
  stickTold(await ask("stick", { place: place.value, clock }), look);
}

async function take() {
  load.disabled = true;
  const answer = await act("stick_load", { place: place.value, clock });
  stickTold(answer, take);
  await packs();
}

async function listRollback() {
  const answer = await act("hotlist_rollback", {});
  if (answer.ok) said({ zh: `黑名单 ${answer.body.version}，下一次刷卡起`, en: `hot list ${answer.body.version}, from the next tap on` });
}

document.getElementById("stick").addEventListener("submit", (event) => {
  event.preventDefault();
  clock = "";
  look();
});
for (const [id, answer] of [["clock-right", "right"], ["clock-wrong", "wrong"]]) document.getElementById(id).addEventListener("click", () => {
  clock = answer;
  again();
});
load.addEventListener("click", take);
document.getElementById("list-rollback").addEventListener("click", listRollback);
document.getElementById("test").addEventListener("click", async (event) => {
  event.currentTarget.disabled = true;
  const button = event.currentTarget, answer = await ask("selftest");
  button.disabled = false;
  if (!answer.ok) return said(answer.body, false);
  document.querySelector("#selftest tbody").replaceChildren(...answer.body.map((part) =>
    node("tr", [node("td", MARKS[part.how]), node("td", say(part.zh, part.en)), node("td", part.detail)])));
});
document.getElementById("rollback").addEventListener("click", async () => ended(await act("pack_rollback", { kind: kind.value })));
kind.addEventListener("change", packs);
start();
await leftBehind();
await Promise.all([device(), packs(), log(), sticks()]);
setInterval(() => Promise.all([device(), log()]), 5000);
document.body.dataset.ready = "yes";
