import { fen, node, said, say, yuan } from "/static/web.js";
import { inTurn } from "/static/counter.js";
import { running, startTill } from "/static/till.js";

const line = document.querySelector("#item input"), table = document.getElementById("items");
let items = JSON.parse(sessionStorage.getItem("items") || "[]"), deal = null;

function draw() {
  sessionStorage.setItem("items", JSON.stringify(items));
  table.tBodies[0].replaceChildren(...items.map((item) => node("tr", [node("td", item.name), node("td", yuan(item.fen), { class: "number" })])));
  const total = items.reduce((sum, item) => sum + item.fen, 0);
  table.tFoot.replaceChildren(...(items.length ? [node("tr", [node("th", say("合计", "Total")),
    node("th", `￥${yuan(total)}`, { class: "number" })])] : []));
}

// "fish 12.50", "12.50", "鱼12.5"
function added() {
  const found = /^(.*?)\s*(\d{1,6}(?:[.。]\d{1,2})?)$/.exec(line.value.trim()), sum = found && fen(found[2]);
  if (!sum) return said({ zh: "金额有误", en: "not an amount" }, false), false;
  items.push({ name: found[1] || "商品 item", fen: sum });
  line.value = "";
  draw();
  return true;
}

async function sell() {
  if (line.value.trim() && !added()) return;
  if (!items.length) return said({ zh: "请先键入金额", en: "key an amount first" }, false);
  const answer = await inTurn("market_sell", { items });
  if (answer.ok) clear();
}

function clear() {
  items = [];
  draw();
  line.focus();
}

document.getElementById("item").addEventListener("submit", (event) => {
  event.preventDefault();
  if (line.value.trim()) added();
});
document.getElementById("sell").addEventListener("click", sell);
draw();
startTill(line, { F2: sell, F3: clear }, (stand) => {
  deal = stand.deal;
  document.getElementById("sell").disabled = running(deal) || !stand.clerk;
});
