// The place a person is at, kept in the address: #as=U1&channel=C1&thread=…&ts=….

export function readRoute() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

// go changes some parts of the place; an empty part is taken out. A changed channel leaves
// thread and highlighted message behind.
export function go(changes, { replace = false } = {}) {
  const before = readRoute();
  const next = { ...before, ...(changes.channel && changes.channel !== before.channel ? { thread: '', ts: '' } : {}), ...changes };
  const kept = Object.entries(next).filter(([, value]) => value);
  const hash = `#${new URLSearchParams(kept)}`;
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, '', hash);
  else history.pushState(null, '', hash);
  window.dispatchEvent(new Event('place'));
}
