{% set sent = true %}{% set unsent %}{% include "pages/offline.html" %}{% endset %}
// Shows a page of our own when there is no connection. It keeps that page and what the page is drawn with, all of it
// the same for everybody; whatever belongs to a person is never kept. A new version replaces the old one by its name.
const CACHE = "offline-{{ version }}";
const OFFLINE = {{ offline | tojson }};
const SHELL = {{ shell | tojson }};
// The page for a form that could not be sent. Where {back} stands goes the address of the page that has the form.
const UNSENT = {{ unsent | tojson }};

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keep());
});

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll([OFFLINE, ...SHELL].map((address) => new Request(address, { cache: "no-cache" })));
}

self.addEventListener("activate", (event) => event.waitUntil(begin()));

async function begin() {
  const old = (await caches.keys()).filter((name) => name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  // The page is asked for while this script starts, not after.
  await self.registration.navigationPreload?.enable();
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate") event.respondWith(request.method === "GET" ? navigate(event) : send(request));
  else if (SHELL.includes(new URL(request.url).pathname)) event.respondWith(fetch(request).catch(() => kept(request)));
});

async function navigate(event) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request));
  } catch {
    return kept(OFFLINE);
  }
}

/** A form on its way. Whether it arrived before the connection broke, nobody knows here. */
async function send(request) {
  const back = new URL(request.referrer || "/", location.href).href.replaceAll("&", "&amp;");
  try {
    return await fetch(request);
  } catch {
    const page = UNSENT.replace("{back}", () => back);
    return new Response(page, { headers: { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'self'" } });
  }
}

async function kept(address) {
  return (await caches.match(address, { ignoreVary: true })) ?? Response.error();
}
