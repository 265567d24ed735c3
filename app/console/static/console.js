"use strict";
// What the pages do besides: copy, local times, live parts, filters, one form that sends itself, and a warning.
(() => {
  const policy = window.trustedTypes?.createPolicy("console", { createHTML: (text) => text });
  const parsed = (text) => {
    const page = new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, "text/html");
    return document.adoptNode(page.body.firstElementChild);
  };
  const each = (selector, work, root = document) => root.querySelectorAll(selector).forEach(work);

  const localTimes = (root) => each("time[datetime]", (time) => {
    const moment = new Date(time.dateTime);
    const parts = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
      second: "2-digit", hourCycle: "h23", timeZoneName: "shortOffset" };
    time.title = time.textContent;
    time.textContent = new Intl.DateTimeFormat("en-GB", parts).format(moment).replace(/GMT(\+0$)?/, "UTC");
  }, root);

  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "Selected: press Ctrl+C";
    }
    source.removeAttribute("data-secret");
    setTimeout(() => { button.textContent = "Copy"; }, 4000);
  };
  const copyButtons = (root) => each("[data-copy]", (button) => {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }, root);

  // Live parts: every 2 seconds while somebody looks, every 30 when nobody has touched the page for 2 minutes.
  let touched = Date.now();
  ["pointermove", "keydown", "scroll"].forEach((kind) =>
    addEventListener(kind, () => { touched = Date.now(); }, { passive: true }));
  const isRead = (part) => part.contains(document.activeElement)
    || (!getSelection().isCollapsed && part.contains(getSelection().anchorNode)) || scrollY > 200;
  const live = (part) => {
    const state = document.querySelector(`[data-state-of="${part.id}"]`);
    const toggle = document.querySelector(`[data-live="${part.id}"]`);
    let failures = 0, on = true;
    const calm = toggle ? "" : "Live"; // a button that is pressed says it already
    const say = (text) => { if (state && state.textContent !== text) state.textContent = text; };
    const pause = () => failures ? Math.min(2000 * 2 ** failures, 60000)
      : Date.now() - touched < 120000 ? 2000 : 30000;
    const look = async () => {
      if (document.hidden || !on) return true;
      const answer = await fetch(part.dataset.poll, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) throw new Error(answer.status);
      failures = 0;
      if (answer.status === 204) { say(calm); return true; }
      if (isRead(part)) {
        const newer = Number(answer.headers.get("X-Newer") || 0);
        say(newer ? `Paused: you are reading. ${newer} newer` : "Paused: you are reading");
        return true;
      }
      const fresh = parsed(await answer.text());
      part.replaceWith(fresh);
      part = fresh;
      prepare(part);
      say(calm);
      return !answer.headers.get("X-Done");
    };
    const round = async () => {
      let again = true;
      try { again = await look(); } catch { failures += 1; say("Not up to date: trying again"); }
      if (again) setTimeout(round, pause());
    };
    if (toggle) {
      toggle.classList.remove("unseen");
      toggle.addEventListener("click", () => {
        on = !on;
        toggle.setAttribute("aria-pressed", String(on));
        say(on ? calm : "Live updates are off");
      });
    }
    say(calm);
    setTimeout(round, 2000);
  };

  const prepare = (root) => { localTimes(root); copyButtons(root); };
  prepare(document);
  each("[data-poll]", live);
  each("form[data-filter] select", (select) => select.addEventListener("change", () => select.form.requestSubmit()));
  each("form[data-submit]", (form) => {
    const send = () => { if (!document.hidden && !document.prerendering) form.requestSubmit(); };
    send();
    document.addEventListener("visibilitychange", send, { once: true });
    document.addEventListener("prerenderingchange", send, { once: true });
  });
  each("[data-focus]", (summary) => summary.focus());
  addEventListener("beforeunload", (event) => { if (document.querySelector("[data-secret]")) event.preventDefault(); });
})();
