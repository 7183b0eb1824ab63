// Times as the person who reads sees them: in that person's time zone.

import { h } from './dom.js';

let zone;

// useZone sets the reader's time zone; an unknown or missing one means the browser's.
export function useZone(name) {
  try {
    zone = name ? new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone : undefined;
  } catch {
    zone = undefined;
  }
}

function format(date, options) {
  return new Intl.DateTimeFormat('en-US', { timeZone: zone, ...options }).format(date);
}

function parts(date) {
  const all = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(date);
  return Object.fromEntries(all.map((part) => [part.type, part.value]));
}

// dayOf is the calendar day in the reader's zone, as 2026-01-31.
export function dayOf(date) {
  const { year, month, day } = parts(date);
  return `${year}-${month}-${day}`;
}

const dayMs = 86400000;

function relativeDay(date, now) {
  const day = dayOf(date);
  if (day === dayOf(now)) return 'today';
  if (day === dayOf(new Date(now - dayMs))) return 'yesterday';
  if (day === dayOf(new Date(now.getTime() + dayMs))) return 'tomorrow';
  return null;
}

function ordinal(day) {
  const rest = day % 100;
  if (rest >= 11 && rest <= 13) return `${day}th`;
  return `${day}${['th', 'st', 'nd', 'rd'][day % 10] || 'th'}`;
}

// Slack leaves the year out while the date is less than half a year away.
function withYear(date, now, text, year) {
  return Math.abs(date - now) < 182 * dayMs ? text : `${text}, ${year}`;
}

function longDate(date, now, weekday) {
  const { year, day } = parts(date);
  const text = `${format(date, { month: 'long' })} ${ordinal(Number(day))}`;
  return (weekday ? `${format(date, { weekday: 'long' })}, ` : '') + withYear(date, now, text, year);
}

const tokens = {
  date_num: (date) => dayOf(date),
  date: (date, now) => longDate(date, now, false),
  date_short: (date, now) => withYear(date, now, format(date, { month: 'short', day: 'numeric' }), parts(date).year),
  date_long: (date, now) => longDate(date, now, true),
  time: (date) => format(date, { hour: 'numeric', minute: '2-digit' }),
  time_secs: (date) => format(date, { hour: 'numeric', minute: '2-digit', second: '2-digit' }),
  ago: (date, now) => ago(date, now),
};
for (const name of ['date', 'date_short', 'date_long']) {
  tokens[`${name}_pretty`] = (date, now) => relativeDay(date, now) || tokens[name](date, now);
}

const steps = [['year', 365 * 86400], ['month', 30 * 86400], ['day', 86400], ['hour', 3600], ['minute', 60]];

function ago(date, now) {
  const seconds = Math.round((date - now) / 1000);
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) < size) continue;
    const count = Math.floor(Math.abs(seconds) / size);
    const words = `${count} ${unit}${count === 1 ? '' : 's'}`;
    return seconds < 0 ? `${words} ago` : `in ${words}`;
  }
  return seconds > 0 ? 'in less than a minute' : 'less than a minute ago';
}

// fill puts a date into a template such as "{date_short_pretty} at {time}". A sentence
// that begins with "today" begins with a capital, as Slack writes it.
export function fill(template, unix, now = new Date()) {
  const date = new Date(Number(unix) * 1000);
  if (Number.isNaN(date.getTime())) return null;
  const text = template.replace(/\{(\w+)\}/g, (all, name) => (Object.hasOwn(tokens, name) ? tokens[name](date, now) : all));
  return template.startsWith('{') ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

export function fullTime(date) {
  const zoneName = zone || Intl.DateTimeFormat().resolvedOptions().timeZone;
  return `${longDate(date, new Date(0), true)} at ${tokens.time_secs(date)} (${zoneName})`;
}

// timeNode is a <time> that keeps itself right while minutes pass, see refreshTimes.
export function timeNode(unix, template, props = {}) {
  const date = new Date(Number(unix) * 1000);
  return h('time', { ...props, datetime: date.toISOString(), title: fullTime(date), data: { unix, template } }, fill(template, unix));
}

export function refreshTimes(root = document) {
  for (const node of root.querySelectorAll('time[data-template]')) {
    const text = fill(node.dataset.template, node.dataset.unix);
    if (text && text !== node.textContent) node.textContent = text;
  }
}

// secondsOf reads the time in a message's ts.
export function secondsOf(ts) {
  return Number(String(ts).split('.')[0]) || 0;
}

export function dayLabel(date) {
  const now = new Date();
  const near = relativeDay(date, now);
  return near ? near.charAt(0).toUpperCase() + near.slice(1) : longDate(date, now, true);
}
