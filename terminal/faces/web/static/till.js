// What the market's and the top-up desk's pages share: the shift, the deal that waits for a card, its receipt.
import { ask, fen, leftBehind, node, said, say, sound, start, yuan } from "/static/web.js";
import { inTurn, keys, slip } from "/static/counter.js";

const part = (id) => document.getElementById(id);
const SHAPES = { card: "▭", hand: "✋", check: "✓", cross: "✗", clock: "◷" };
const TONES = { green: "-", yellow: "-.", red: "...", blue: "." };
let last = "", before = "";

export const running = (deal) => deal !== null && (deal.step === "asked" || deal.step === "unclear");
export const lines = (answer) => answer.ok && part("slip").replaceChildren(slip(answer.body.lines));

export function drawDeal(deal) {
  const place = part("deal");
  if (!deal) return place.replaceChildren();
  const money = [["金额", "amount", deal.amount_fen], ["余额", "balance", deal.balance_fen]].filter(([, , sum]) => sum !== null);
  place.dataset.light = deal.light;
  place.dataset.step = deal.step;
  place.replaceChildren(
    node("h1", [`${SHAPES[deal.shape]} `, say(deal.zh, deal.en)]),
    node("p", money.flatMap(([zh, en, sum]) => [say(zh, en), ` ￥${yuan(sum)} `]), { class: "money" }),
    ...(deal.why_zh ? [node("p", [say(deal.why_zh, deal.why_en)])] : []),
    ...(running(deal) ? [node("p", say("F10 放弃；拿起卡再放可重试", "F10 gives it up; lift the card and put it down to try again"))] : []));
  part("slip").replaceChildren(...(deal.lines.length ? [slip(deal.lines)] : []));
  const told = `${deal.order} ${deal.step} ${deal.why_en}`;
  if (before && told !== last) sound(TONES[deal.light], deal.light);
  last = told;
}

function drawShift(stand) {
  part("shift").replaceChildren(stand.clerk
    ? say(`操作员 ${stand.clerk} · 班次 ${stand.shift} · 收款 ${stand.sales} 笔 ￥${yuan(stand.total_fen)} · 充值 ${stand.loads} 笔 ￥${yuan(stand.loads_fen)}`,
      `clerk ${stand.clerk} · shift ${stand.shift} · taken ${stand.sales}, ￥${yuan(stand.total_fen)} · loaded ${stand.loads}, ￥${yuan(stand.loads_fen)}`)
    : say("未开班：F4 开班", "no shift is open: F4 opens one"));
}

// The till's buttons and its form for a refund, as far as the page has them.
export function buttons(home) {
  for (const name of ["shift", "x", "z", "copy", "leave"]) {
    part(`till-${name}`)?.addEventListener("click", async () => lines(await inTurn(`till_${name}`, {})));
  }
  part("refund")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { receipt, yuan: sum } = event.target.elements, wanted = fen(sum.value);
    if (!wanted) return said({ zh: "金额有误", en: "not an amount" }, false);
    const answer = await inTurn("till_refund", { receipt: receipt.value, fen: wanted });
    lines(answer);
    if (answer.ok) event.target.reset();
    home.focus();
  });
}

// Begin the page: `onStand` hears each change of the till; `table` are the page's own keys.
export async function startTill(home, table, onStand) {
  start();
  const report = (name) => async () => lines(await inTurn(`till_${name}`, {}));
  const give = () => inTurn("till_leave", {});
  keys({ F4: () => inTurn("till_shift", {}), F6: report("copy"), F7: report("x"), F9: report("z"), F10: give, ...table }, home);
  buttons(home);
  await leftBehind();
  await watchTill((stand) => {
    drawShift(stand);
    drawDeal(stand.deal);
    onStand(stand);
  });
}

// Tells of each change of the till, for as long as the page is open or until `onStand` says false.
export async function watchTill(onStand) {
  for (let nth = 0; ;) {
    try {
      const found = await ask("till", { nth });
      if (found.ok && found.body.nth !== nth) {
        ({ nth } = found.body);
        const more = onStand(found.body);
        before = "heard";
        if (found.body.trouble) said({ zh: found.body.trouble, en: found.body.trouble }, false);
        if (more === false) return;
      } else if (!found.ok) await new Promise((go) => setTimeout(go, 2000));
    } catch {
      await new Promise((go) => setTimeout(go, 1000));
    }
  }
}
