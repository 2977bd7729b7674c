// The operator's page: one question every quarter of a minute, a chart and two tables from its answer.
// All that comes from terminals goes into the page as text, never as markup.

const ROWS = 500;
const EVERY_MS = 15_000;
const SIGNS = {
  never_heard: "从未联系 never heard", silent: "一天未联系 silent for a day", says_nothing: "未报状态 says nothing",
  closed: "停止服务 closed", trouble: "故障 trouble", clock: "时钟不可信 clock", quarantine: "有隔离记录 quarantine",
};
const PARTS = { reader: "读卡器 reader", psam: "PSAM", journal: "日志 journal", standing: "身份 identity" };
const COLUMNS = [
  ["终端<br>terminal", one => one.terminal], ["类型<br>kind", one => one.kind],
  ["上次联系<br>last contact", one => one.contact.slice(0, 16).replace("T", " "), one => -(one.silent_minutes ?? 1e9)],
  ["未上传<br>unsent", one => one.unsent, one => one.unsent, "number"],
  ["金额（元）<br>yuan", one => yuan(one.unsent_fen), one => one.unsent_fen, "number"],
  ["最早一条<br>oldest", one => one.oldest_at.slice(0, 16).replace("T", " ")],
  ["时钟<br>clock", one => one.clock + (one.clock_seconds ? ` ${one.clock_seconds > 0 ? "+" : ""}${one.clock_seconds} s` : "")],
  ["状态<br>mode", one => one.mode],
  ["读卡器、PSAM<br>reader, PSAM", troubles, one => Object.keys(one.troubles).length],
  ["程序<br>software", one => one.software], ["票价包<br>pack", one => one.pack],
  ["名单<br>hot list", one => one.hot_list],
  ["须关注<br>look at", one => one.signs.map(sign => SIGNS[sign] ?? sign).join("；"), one => one.signs.length, "bad"],
];

const $ = selector => document.querySelector(selector);
let found = null, order = COLUMNS.length - 1, falling = true;

function yuan(fen) { return `${Math.trunc(fen / 100)}.${String(fen % 100).padStart(2, "0")}`; }

function troubles(one) {
  if (!one.mode) return "";
  const said = Object.entries(one.troubles).map(([what, why]) => `${PARTS[what] ?? what}: ${why}`);
  return said.length ? said.join("；") : "正常 ok";
}

function made(name, text, attributes = {}) {
  const svg = ["circle", "line", "text", "title"].includes(name);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== "") element.textContent = text;
  return element;
}

function sums() {
  const all = found.terminals, count = sign => all.filter(one => one.signs.includes(sign)).length;
  const lines = [
    ["终端 terminals", all.length], ["须关注 to look at", all.filter(one => one.signs.length).length, "bad"],
    ["未上传 unsent rows", all.reduce((sum, one) => sum + one.unsent, 0)],
    ["未上传金额 unsent yuan", yuan(all.reduce((sum, one) => sum + one.unsent_fen, 0))],
    ["一天未联系 silent", count("silent"), "bad"], ["停止服务 closed", count("closed"), "bad"],
    ["隔离记录 quarantined", found.quarantined, "bad"], ["报警 alarms", found.alarms],
  ];
  $("#sums").replaceChildren(...lines.map(([name, value, kind]) => {
    const item = made("li", "", kind && value ? { class: kind } : {});
    item.append(made("b", String(value)), made("span", name));
    return item;
  }));
}

function chart() {
  const x = minutes => 60 + 1150 * Math.min(1, Math.log10(1 + minutes) / Math.log10(1 + 43_200));
  const most = Math.max(10, ...found.terminals.map(one => one.unsent));
  const y = rows => 205 - 185 * Math.log10(1 + rows) / Math.log10(1 + most);
  const parts = [];
  for (const [minutes, name] of [[0, "0"], [10, "10 min"], [60, "1 h"], [1_440, "1 d"], [10_080, "7 d"], [43_200, "30 d"]]) {
    parts.push(made("line", "", { x1: x(minutes), x2: x(minutes), y1: 15, y2: 205 }),
      made("text", name, { x: x(minutes), y: 225, "text-anchor": "middle" }));
  }
  for (let rows = 0; rows <= most; rows = rows ? rows * 10 : 1) {
    parts.push(made("line", "", { x1: 60, x2: 1210, y1: y(rows), y2: y(rows) }),
      made("text", String(rows), { x: 52, y: y(rows) + 4, "text-anchor": "end" }));
  }
  for (const one of found.terminals) {
    const dot = made("circle", "", { cx: x(one.silent_minutes ?? 43_200), cy: y(one.unsent), r: 5 });
    if (one.signs.length) dot.setAttribute("class", "bad");
    dot.append(made("title", `${one.terminal}  ${one.unsent} / ${yuan(one.unsent_fen)}  ${one.signs.join(", ")}`));
    parts.push(dot);
  }
  $("#chart").replaceChildren(...parts);
}

function table() {
  const [, shown, key] = COLUMNS[order], value = key ?? shown, words = $("#find").value.trim().toLowerCase();
  const text = one => COLUMNS.map(([, cell]) => cell(one)).join(" ").toLowerCase() + one.merchant;
  const wanted = found.terminals
    .filter(one => (!$("#only").checked || one.signs.length) && text(one).includes(words))
    .sort((one, other) => (value(one) < value(other) ? -1 : value(one) > value(other) ? 1 : 0) * (falling ? -1 : 1));
  $("#terminals tbody").replaceChildren(...wanted.slice(0, ROWS).map(one => {
    const row = made("tr", "");
    row.append(...COLUMNS.map(([, cell, , kind]) => made("td", String(cell(one)), kind ? { class: kind } : {})));
    return row;
  }));
  $("#more").textContent = wanted.length > ROWS ? `${ROWS} / ${wanted.length}` : "";
}

function alarms() {
  $("#alarms tbody").replaceChildren(...found.latest.map(one => {
    const row = made("tr", ""), told = made("td", ""), act = made("td", "");
    told.append(`${one.zh} `, made("small", `${one.en} (${one.what}) ${one.detail}`));
    act.append(`→ ${one.zh_do} `, made("small", one.en_do));
    row.append(made("td", one.at.slice(0, 16).replace("T", " ")), made("td", `${one.terminal} #${one.seq}`), told, act);
    return row;
  }));
}

async function ask() {
  const token = sessionStorage.getItem("token");
  if (!token) return closed("");
  let answer;
  try {
    answer = await fetch("/v1/operator/health", { headers: { Authorization: `Bearer ${token}` } });
  } catch {
    $("#at").textContent = "后台没有响应 · the backend does not answer";
    return;
  }
  if (answer.status === 401) return closed("令牌不对 · not the token");
  if (!answer.ok) { $("#at").textContent = `HTTP ${answer.status}`; return; }
  found = await answer.json();
  $("#door").hidden = true;
  $("main").hidden = false;
  const versions = Object.entries(found.versions).map(([name, value]) => `${name} ${value}`).join(", ");
  $("#at").textContent = `${found.at.slice(0, 19).replace("T", " ")}  ${versions}`;
  sums(); chart(); table(); alarms();
}

function closed(why) {
  sessionStorage.removeItem("token");
  $("main").hidden = true;
  $("#door").hidden = false;
  $("#why").textContent = why;
}

COLUMNS.forEach(([name], number) => {
  const head = made("th", "", { scope: "col" }), button = made("button", "", { type: "button" });
  const [zh, en] = name.split("<br>");
  button.append(zh, made("br", ""), made("small", en));
  button.addEventListener("click", () => { falling = order === number ? !falling : false; order = number; table(); });
  head.append(button);
  $("#terminals thead tr").append(head);
});
$("#door").addEventListener("submit", event => {
  event.preventDefault();
  sessionStorage.setItem("token", $("#token").value.trim());
  $("#token").value = "";
  ask();
});
for (const name of ["#find", "#only"]) $(name).addEventListener("input", () => found && table());
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}
ask();
setInterval(ask, EVERY_MS);
