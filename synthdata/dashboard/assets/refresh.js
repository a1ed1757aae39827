// Asks every five seconds whether the corpus has changed, and only then replaces what the page shows.
"use strict";
(() => {
  const main = document.querySelector("main");
  const notice = document.getElementById("notice");
  const underWay = document.getElementById("under-way");
  let version = document.body.dataset.version;

  const busy = () => document.hidden || ["INPUT", "SELECT"].includes(document.activeElement?.tagName);

  async function look() {
    if (busy()) return;
    const answer = await fetch("/version", { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const told = await answer.json();
    const now = told.version;
    if (underWay.textContent !== told.under_way) underWay.textContent = told.under_way;
    if (now === version) return;
    const page = await fetch(location.href, { cache: "no-store" });
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html").querySelector("main");
    if (!page.ok || !fresh || busy()) return;
    const open = new Set([...main.querySelectorAll("details[open]")].map((item) => item.id));
    const focus = document.activeElement?.id;
    main.replaceChildren(...fresh.childNodes);
    for (const item of main.querySelectorAll("details")) item.open = item.open || open.has(item.id);
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
    version = now;
    notice.textContent = "The corpus has changed; this page shows it as it is now.";
  }

  setInterval(() => look().catch(() => {
    notice.textContent = "The server does not answer; this page shows the corpus as it was.";
  }), 5000);
})();
