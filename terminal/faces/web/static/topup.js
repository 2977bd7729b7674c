import { ask, fen, node, said, say, yuan } from "/static/web.js";
import { inTurn, watchCard } from "/static/counter.js";
import { running, startTill } from "/static/till.js";

const part = (id) => document.getElementById(id);
const field = document.querySelector("#load input");

async function load(source, sum, refund = "") {
  if (!sum) return said({ zh: "请键入金额", en: "key an amount" }, false);
  const answer = await inTurn("topup_load", { fen: sum, source, refund });
  if (answer.ok) field.value = "";
  field.focus();
}

const keyed = (source) => () => load(source, fen(field.value));

async function seen(card) {
  part("due").replaceChildren();
  if (!card.visit) {
    return part("reader").replaceChildren(card.zh ? node("p", ["✗ ", say(card.zh, card.en)], { class: "bad" })
      : node("h1", say("请放卡", "Put the card down")));
  }
  part("reader").replaceChildren(node("h1", [say("卡号", "Card"), ` …${card.tail}`]),
    ...(card.balance_fen === null ? [] : [node("p", [say("余额", "Balance"), ` ￥${yuan(card.balance_fen)}`], { class: "money" })]));
  const found = await ask("topup_due", { visit: card.visit });
  if (!found.ok) return part("due").replaceChildren(node("p", ["✗ ", say(found.body.zh, found.body.en)], { class: "bad" }));
  part("due").replaceChildren(...found.body.map((one) => {
    const button = node("button", [say("退回此卡", "give back to this card"), ` ￥${yuan(one.amount_fen)}`], { type: "button" });
    button.addEventListener("click", () => load("refund", one.amount_fen, one.operation));
    return node("p", button);
  }));
}

part("load").addEventListener("submit", (event) => event.preventDefault());
part("cash").addEventListener("click", keyed("cash"));
part("account").addEventListener("click", keyed("account"));
startTill(field, { F2: keyed("cash"), F3: keyed("account") }, (stand) => {
  for (const name of ["cash", "account"]) part(name).disabled = running(stand.deal) || !stand.clerk;
});
watchCard(seen);
