// Shows a page of our own when there is no connection. It keeps that page and what the page is drawn with, all of it
// the same for everybody; whatever belongs to a person is never kept. A new version replaces the old one by its name.
const CACHE = "offline-{{ version }}";
const OFFLINE = {{ offline | tojson }};
const SHELL = {{ shell | tojson }};

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
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(navigate(event));
  else if (SHELL.includes(new URL(request.url).pathname)) event.respondWith(fetch(request).catch(() => kept(request)));
});

async function navigate(event) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request));
  } catch {
    return kept(OFFLINE);
  }
}

async function kept(address) {
  return (await caches.match(address, { ignoreVary: true })) ?? Response.error();
}
