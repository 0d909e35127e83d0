{% set sent = true %}{% set unsent %}{% include "pages/offline.html" %}{% endset %}
// Shows a page of our own when there is no connection. It caches only that page and its files, which are the same for
// everybody. It never caches what belongs to a person. A new version has a new cache name and replaces the old one.
const CACHE = "offline-{{ version }}";
const OFFLINE = {{ offline | tojson }};
const SHELL = {{ shell | tojson }};
// The page for a form that could not be sent. {back} stands for the address of the page with the form.
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
  // Request the page while this script starts, not after.
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

/** Send a form. If the connection breaks, nobody knows here whether the form arrived. */
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
