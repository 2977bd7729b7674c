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
await Promise.all([device(), packs(), log()]);
setInterval(() => Promise.all([device(), log()]), 5000);
document.body.dataset.ready = "yes";
