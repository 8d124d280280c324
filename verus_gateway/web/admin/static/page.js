// Keeps the page up to date: loads it again behind the scenes and takes over what is marked live.
// Forms stay as they are, and looking does not count as a click: an idle session still ends.
"use strict";

const EVERY = 2000;
const lost = document.getElementById("link-lost");

function takeOver(fresh) {
  document.title = fresh.title;
  const icon = document.querySelector('link[rel="icon"]');
  const newIcon = fresh.querySelector('link[rel="icon"]');
  if (icon.getAttribute("href") !== newIcon.getAttribute("href")) icon.replaceWith(newIcon);
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(part.id);
    if (now !== null && now.innerHTML !== part.innerHTML) part.innerHTML = now.innerHTML;
  }
}

async function refresh() {
  const response = await fetch("/admin?watch=1", { redirect: "manual", signal: AbortSignal.timeout(5000) });
  if (response.type === "opaqueredirect") {
    location.assign("/admin/login"); // signed out, here or by time
    return;
  }
  if (!response.ok) throw new Error(String(response.status));
  takeOver(new DOMParser().parseFromString(await response.text(), "text/html"));
}

async function watch() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, EVERY));
    if (document.hidden) continue;
    try {
      await refresh();
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    }
  }
}

watch();
