// What every page has: words in two languages, questions and acts, the state's strip, sounds, keys.

const token = document.querySelector('meta[name="smk-token"]').content;
const root = document.documentElement;

export const zh = () => root.dataset.say === "zh";

// Words in both languages; the style sheet shows one.
export function say(chinese, english) {
  const both = document.createDocumentFragment();
  for (const [language, words] of [["zh", chinese], ["en", english]]) both.append(node("span", words, { lang: language }));
  return both;
}

export function node(name, content = "", attributes = {}) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== false) made.setAttribute(key, value);
  made.append(...(Array.isArray(content) ? content : [content]));
  return made;
}

export const yuan = (fen) => {
  const whole = BigInt(fen), size = whole < 0n ? -whole : whole;
  return `${whole < 0n ? "-" : ""}${size / 100n}.${String(size % 100n).padStart(2, "0")}`;
};

// Fen of what somebody typed in yuan, null for anything else.
export function fen(text) {
  const found = /^\s*(\d{1,7})(?:[.。](\d{1,2}))?\s*$/.exec(text);
  return found ? Number(found[1]) * 100 + Number((found[2] || "").padEnd(2, "0")) : null;
}

export const moment = (at) => at.slice(0, 19).replace("T", " ");

async function sent(path, options) {
  const answer = await fetch(path, { credentials: "same-origin", ...options });
  const body = await answer.json();
  if (answer.status === 401) location.href = `/login?next=${location.pathname.slice(1)}`;
  return { ok: answer.ok, status: answer.status, body };
}

export function ask(name, query = {}, headers = {}) {
  return sent(`/api/${name}?${new URLSearchParams(query)}`, { headers });
}

// What a page asks by itself, again and again: it does not keep the clerk logged in.
export const watch = (name) => ask(name, {}, { "X-SMK-Watch": "1" });

export function post(name, body, headers = {}) {
  const json = { "Content-Type": "application/json", "X-SMK-Token": token, ...headers };
  return sent(`/api/${name}`, { method: "POST", headers: json, body: JSON.stringify(body) });
}

// An act under a name of its own. What is on its way is remembered in this tab, so that neither a lost answer nor a
// page loaded anew hides what became of it. What is `secret` of it is sent, and remembered nowhere.
export async function act(name, body, secret = {}) {
  const operation = crypto.randomUUID();
  sessionStorage.setItem("act", JSON.stringify({ operation, name, body }));
  return finished(await sendAct({ operation, name, body: { ...body, ...secret } }));
}

async function sendAct({ operation, name, body }) {
  for (let wait = 250; ; wait = Math.min(wait * 2, 4000)) {
    try {
      return await post(name, body, { "X-SMK-Operation": operation });
    } catch {
      await new Promise((go) => setTimeout(go, wait)); // the same name and body again: the device does it once
    }
  }
}

// Whoever must log in first learns afterwards what became of it (leftBehind); a device in trouble may still have done it.
function finished(answer) {
  if (answer.status !== 401 && answer.status < 500) sessionStorage.removeItem("act");
  if (!answer.ok) said(answer.body, false);
  return answer;
}

// Called by a page with acts: what was on its way when it was left. Nothing is sent anew without the clerk.
export async function leftBehind() {
  const kept = sessionStorage.getItem("act");
  if (!kept) return null;
  const left = JSON.parse(kept);
  const found = await ask(`operations/${left.operation}`);
  if (found.status === 401) return null;
  if (found.ok && found.body.state === "running") {
    await new Promise((go) => setTimeout(go, 500));
    return leftBehind();
  }
  sessionStorage.removeItem("act");
  const state = found.ok ? found.body.state : "not_done";
  const words = {
    done: ["重新打开前的操作已完成", "what you did before this page was opened again is done"],
    refused: ["重新打开前的操作被拒绝", "what you did before this page was opened again was refused"],
    not_done: ["重新打开前的操作没有办理，请重做", "what you did before this page was opened again was not done: do it again"],
    unknown: ["重新打开前的操作结果不明，请查记录", "what became of the last act is not known: look at the records"],
  }[state];
  said({ zh: words[0], en: words[1] }, state === "done");
  return { ...left, state, answer: found.body.answer };
}

let silence;
export function said(words, good = true) {
  const place = document.getElementById("said");
  place.replaceChildren(good ? "✓ " : "✗ ", say(words.zh, words.en));
  place.className = good ? "good" : "bad";
  place.hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => (place.hidden = true), 15000);
  sound(good ? "-" : "...", good ? "green" : "red");
}

// Each outcome has its own pattern: "." short, "-" long; the pitch only helps.
let audio;
export function sound(pattern, light) {
  audio ??= new AudioContext();
  let at = audio.currentTime + 0.02;
  const pitch = { green: 880, blue: 660, yellow: 520, red: 330 }[light] || 440;
  for (const mark of pattern) {
    const length = mark === "-" ? 0.36 : 0.12, tone = audio.createOscillator(), volume = audio.createGain();
    tone.frequency.value = pitch;
    volume.gain.value = 0.2;
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + length);
    at += length + 0.1;
  }
}

function strip(state) {
  const old = state.oldest_unsent_s === null ? "" : age(state.oldest_unsent_s);
  const parts = [
    [say(`终端 ${state.terminal}`, `terminal ${state.terminal}`)],
    [state.online === null ? say("◌ 无后台", "◌ no backend") : state.online ? say("● 在线", "● online") : say("○ 离线", "○ offline"),
      state.online === false],
    [say(`未上传 ${state.unsent} 条 ￥${yuan(state.unsent_fen)}${old && ` 最早 ${old}`}`,
      `unsent ${state.unsent}, ￥${yuan(state.unsent_fen)}${old && `, oldest ${old}`}`), (state.oldest_unsent_s || 0) > 86400],
    [state.hot_list_days === null ? say("无黑名单", "no hot list")
      : say(`黑名单 ${state.hot_list}（${state.hot_list_days} 天）`, `hot list ${state.hot_list} (${state.hot_list_days} d)`),
      (state.hot_list_days || 0) > 7],
    [say(`票价包 ${state.pack}（${state.pack_days ?? "—"} 天）`, `tariff ${state.pack} (${state.pack_days ?? "—"} d)`)],
    [say(state.zh, state.en), state.mode === "closed"],
  ];
  document.getElementById("strip").replaceChildren(
    ...parts.map(([words, warn]) => node("li", warn ? ["! ", words] : words, warn ? { class: "warn" } : {})));
}

const age = (seconds) => seconds < 3600 ? `${Math.floor(seconds / 60)} min` : seconds < 172800
  ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;

function speak(language) {
  root.dataset.say = language;
  root.lang = language === "zh" ? "zh-CN" : "en";
  localStorage.setItem("say", language);
}

// Begin: language, keys, the stream of events. `onSignal` hears what a rider is told, `onState` the device's state.
export function start({ onSignal, onState } = {}) {
  speak(localStorage.getItem("say") === "en" ? "en" : "zh");
  document.getElementById("language").addEventListener("click", () => speak(zh() ? "en" : "zh"));
  const out = document.getElementById("log-out");
  out.hidden = !token;
  out.addEventListener("click", async () => (location.href = (await post("log_out", {})).body.begin));
  document.addEventListener("keydown", (event) => {
    if (event.key === "F8") speak(zh() ? "en" : "zh");
    const link = event.altKey && /^[1-9]$/.test(event.key) && document.querySelectorAll("nav a")[event.key - 1];
    if (link) location.href = link.href;
  });
  const events = new EventSource("/api/events"), away = document.getElementById("away");
  events.onerror = () => (away.hidden = false);
  events.onopen = () => (away.hidden = true);
  events.addEventListener("status", (event) => {
    const state = JSON.parse(event.data);
    strip(state);
    onState?.(state);
  });
  events.addEventListener("signal", (event) => onSignal?.(JSON.parse(event.data)));
}
