import { ask, fen, leftBehind, node, said, say, start, yuan } from "/static/web.js";
import { inTurn, keys, slip } from "/static/counter.js";

const part = (id) => document.getElementById(id);
const line = document.querySelector("#item input");
const GRADES = { 甲: "A", 乙: "B", 丙: "C", A: "A", B: "B", C: "C", a: "A", b: "B", c: "C" };
const STEPS = {
  signed_out: [["F2", "sign_in", "签到", "Sign in"]],
  ready: [["F2", "read", "插好卡，读卡", "The card is in: read it"]],
  card: [["F2", "check", "照片与本人相符", "The photo is this patient's"], ["F10", "give_up", "放弃", "Give up"]],
  checked: [["F2", "check", "查参保信息", "Look the insurance up"], ["F10", "give_up", "放弃", "Give up"]],
  entitled: [["F2", "price", "预结算", "Pre-settle"], ["F10", "give_up", "放弃", "Give up"]],
  priced: [["F4", "confirm", "患者同意，结算", "The patient agrees: settle"], ["F2", "price", "重新预结算", "Pre-settle again"],
    ["F10", "give_up", "放弃", "Give up"]],
  unknown: [["F2", "ask", "再问中心", "Ask the centre again"], ["F4", "offline", "暂结", "Let it stand, provisional"],
    ["F10", "void", "未给凭条未收款，作废", "No receipt given, no money taken: void"]],
};
const NAMES = { signed_out: ["未签到", "signed out"], ready: ["请患者插卡", "the next patient's card"],
  card: ["请核对照片", "compare the photo"], checked: ["查参保信息", "insurance"], entitled: ["请录入项目", "key the items"],
  priced: ["请患者确认", "the patient decides"], held: ["正在结算", "settling"],
  unknown: ["中心没有应答：结果不明", "no answer: the outcome is not known"], settled: ["已结算", "settled"] };
const PIN_AT = ["ready", "card"], pin = document.querySelector("#pin input");
const asked = part("visit");
let items = JSON.parse(sessionStorage.getItem("bill") || "[]"), step = "";

function draw() {
  sessionStorage.setItem("bill", JSON.stringify(items));
  part("items").tBodies[0].replaceChildren(...items.map((item) => node("tr", [node("td", item.name), node("td", item.grade),
    node("td", yuan(item.fen), { class: "number" })])));
}

async function show() {
  const found = await ask("hospital");
  if (!found.ok) return;
  const at = found.body;
  step = at.step;
  if (part("pin").hidden = !PIN_AT.includes(step)) pin.value = "";
  part("at").replaceChildren(say(...(NAMES[step] || [step, step])), at.clerk ? ` · ${at.clerk}` : "");
  part("entitlement").replaceChildren(...(at.entitlement.length ? [slip(at.entitlement)] : []));
  asked.hidden = !["entitled", "priced"].includes(step);
  part("patient").replaceChildren(at.patient || say("没有患者", "No patient"));
  part("steps").replaceChildren(...(STEPS[step] || []).map(([key, name, zh, en]) => {
    const made = node("button", [node("kbd", key), " ", say(zh, en)], { type: "button", id: name.replace("_", "-") });
    made.addEventListener("click", () => doIt(name));
    return made;
  }), ...(step === "ready" ? at.open.map((operation) => {
    const made = node("button", say(`核查未结单据 ${operation}`, `unclear bill ${operation}`), { type: "button" });
    made.addEventListener("click", () => doIt("take_up", { operation }));
    return made;
  }) : []));
  part("bill").replaceChildren(...(at.lines.length ? [slip(at.lines), node("h2", say("为什么", "Why")), slip(at.why)] : []));
}

function added() {
  const found = /^(.+?)\s+(\d{1,7}(?:[.。]\d{1,2})?)(?:\s*([甲乙丙ABCabc]))?$/.exec(line.value.trim()), sum = found && fen(found[2]);
  if (!sum) return said({ zh: "请写：品名 金额 甲乙丙", en: "write: item, yuan, class" }, false);
  items.push({ name: found[1], fen: sum, grade: GRADES[found[3]] || "A" });
  line.value = "";
  draw();
}

function visit() {
  const { care, stay, admission, replaces } = Object.fromEntries(new FormData(asked)), inside = care === "21";
  return { care, replaces: replaces.trim(), ...(inside ? { stay: stay.trim() } : {}),
    ...(inside && /^[1-9]\d?$/.test(admission) ? { admission: Number(admission) } : {}) };
}

function inpatient() {
  for (const one of asked.querySelectorAll(".stay")) one.hidden = asked.elements.care.value !== "21";
}

async function doIt(name, body = {}, secret = {}) {
  if (name === "price" && !items.length) return said({ zh: "请先录入项目", en: "key the items first" }, false);
  const answer = await inTurn(`hospital_${name}`, name === "price" ? { items, ...visit() } : body, secret);
  if (answer.ok || name === "pin") pinSaid(answer.ok ? null : answer.body);
  if (answer.ok) {
    part("slip").replaceChildren(...(answer.body.lines.length ? [slip(answer.body.lines)] : []));
    if (["ready", "signed_out"].includes(answer.body.step)) {
      items = [];
      draw();
      asked.reset();
      inpatient();
    }
  }
  await show();
  if (part("pin").hidden || document.activeElement !== pin) line.focus(); // never away from a PIN that is being keyed
}

// How many tries are left stays on the screen until something else is done.
function pinSaid(no) {
  part("pin-said").hidden = !no;
  part("pin-said").replaceChildren(...(no ? [say(`${no.zh}。也可核对照片`, `${no.en}. The photo may be compared instead`)] : []));
}

const pressed = (key) => () => {
  const found = (STEPS[step] || []).find(([one]) => one === key);
  if (found) doIt(found[1]);
};

part("item").addEventListener("submit", (event) => {
  event.preventDefault();
  if (line.value.trim()) added();
});
part("pin").addEventListener("submit", (event) => {
  event.preventDefault();
  const keyed = pin.value;
  pin.value = "";
  if (keyed) doIt("pin", {}, { pin: keyed });
  else pin.focus();
});
for (const name of ["cancel", "receipt"]) {
  part(name).addEventListener("click", () => doIt(name, { operation: part("bills").elements.operation.value.trim() }));
}
asked.addEventListener("change", inpatient);
asked.addEventListener("submit", (event) => event.preventDefault());
part("bills").addEventListener("submit", (event) => event.preventDefault());
part("day").addEventListener("click", () => {
  const now = new Date(), two = (number) => String(number).padStart(2, "0");
  doIt("day", { day: `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}` });
});
part("sign-out").addEventListener("click", () => doIt("sign_out"));
start();
draw();
keys({ F2: pressed("F2"), F4: pressed("F4"), F6: () => pin.focus(), F10: pressed("F10") }, line);
await leftBehind();
show();
setInterval(show, 5000);
