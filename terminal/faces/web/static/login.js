import { post, said, start } from "/static/web.js";

start();
document.getElementById("log-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const answer = await post("log_in", { name: form.get("name"), password: form.get("password") });
  if (!answer.ok) {
    event.target.elements.password.value = "";
    event.target.elements.password.focus();
    return said(answer.body, false);
  }
  const next = new URLSearchParams(location.search).get("next") || "";
  location.href = /^[a-z_]+$/.test(next) ? `/${next}` : answer.body.begin;
});
