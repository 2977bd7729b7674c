import { ask, leftBehind, node, said, say, start, watch, yuan } from "/static/web.js";

const SPACE = "http://www.w3.org/2000/svg";

function drawn(name, attributes, words = "") {
  const made = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (words !== "") made.textContent = words;
  return made;
}

// Bars side by side, each a stack of [number, class] from below; the refused ones are hatched, not only coloured.
function bars(svg, columns, height) {
  const most = Math.max(1, ...columns.map(({ stack }) => stack.reduce((sum, [number]) => sum + number, 0)));
  const wide = 760 / Math.max(columns.length, 1), scale = (height - 60) / most;
  const parts = [hatch()];
  columns.forEach(({ label, top, stack }, place) => {
    let bottom = height - 25;
    for (const [number, kind] of stack) {
      const tall = number * scale;
      bottom -= tall;
      parts.push(drawn("rect", { x: place * wide + 3, y: bottom, width: wide - 6, height: tall, class: kind }));
    }
    if (top) parts.push(drawn("text", { x: (place + 0.5) * wide, y: bottom - 6, "text-anchor": "middle" }, top));
    parts.push(drawn("text", { x: (place + 0.5) * wide, y: height - 8, "text-anchor": "middle" }, label));
  });
  parts.push(drawn("line", { x1: 0, x2: 760, y1: height - 25, y2: height - 25, class: "axis" }));
  svg.replaceChildren(...parts);
}

function hatch() {
  const made = drawn("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  made.append(drawn("rect", { width: 3, height: 6, class: "refused" }));
  return made;
}

function map(day) {
  const svg = document.getElementById("map"), places = new Map(day.stops.map((stop) => [stop.stop, stop]));
  document.getElementById("no-map").hidden = day.stops.length > 0;
  svg.toggleAttribute("hidden", day.stops.length === 0);
  const scale = Math.min(640 / Math.max(1, ...day.stops.map((stop) => stop.east_m)),
    400 / Math.max(1, ...day.stops.map((stop) => stop.south_m)));
  const at = (stop) => [40 + stop.east_m * scale, 40 + stop.south_m * scale];
  const ways = day.ways.map((way) => drawn("polyline", { class: "way", points: way.map((id) => at(places.get(id)).join(",")).join(" ") }));
  const dots = day.stops.flatMap((stop) => {
    const [x, y] = at(stop), size = 5 + 3 * Math.sqrt(stop.taps);
    return [drawn("circle", { cx: x, cy: y, r: Math.min(size, 36), class: "stop" }),
      drawn("text", { x: x + Math.min(size, 36) + 3, y: y + 5 }, `${stop.name || stop.stop} ${stop.taps}`)];
  });
  svg.replaceChildren(...ways, ...dots);
}

async function show() {
  const answer = await ask("day", { day: document.getElementById("which").elements.day.value });
  if (!answer.ok) return said(answer.body, false);
  const day = answer.body;
  document.getElementById("which").elements.day.value = day.day;
  const sum = (name) => day.hours.reduce((total, hour) => total + hour[name], 0);
  document.getElementById("sum").replaceChildren(say(
    `放行 ${sum("passed")} 人，拒绝 ${sum("refused")} 次，入账 ￥${yuan(sum("fen"))}${day.whole ? "" : "（只含较晚部分）"}`,
    `${sum("passed")} passed, ${sum("refused")} refused, ￥${yuan(sum("fen"))} taken${day.whole ? "" : " (the later part only)"}`));
  bars(document.getElementById("hours"), day.hours.map((hour, nth) => ({ label: String(nth),
    top: hour.passed + hour.refused ? String(hour.passed + hour.refused) : "",
    stack: [[hour.passed, "bar"], [hour.refused, "hatched"]] })), 300);
  document.querySelector("#reasons tbody").replaceChildren(...day.reasons.map((one) =>
    node("tr", [node("td", say(one.zh, one.en)), node("td", String(one.count), { class: "number" })])));
  map(day);
}

async function queue() {
  const answer = await watch("queue");
  if (!answer.ok) return;
  const late = answer.body.waiting.slice(-24);
  bars(document.getElementById("queue"), late.map((one) => ({ label: `${one.hour.slice(8, 10)}/${one.hour.slice(11)}`,
    top: `${one.rows}`, stack: [[one.rows, "bar"]] })), 220);
}

document.getElementById("which").addEventListener("submit", (event) => { event.preventDefault(); show(); });
start();
await leftBehind();
await Promise.all([show(), queue()]);
setInterval(queue, 10000);
document.body.dataset.ready = "yes";
