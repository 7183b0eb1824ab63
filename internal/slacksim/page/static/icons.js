// Line icons, drawn on a 20 by 20 grid.

const paths = {
  hash: 'M8 3 6.5 17M13.5 3 12 17M4 7.5h13M3 12.5h13',
  lock: 'M5.5 9h9v7.5h-9zM7.3 9V6.2a2.7 2.7 0 0 1 5.4 0V9',
  shared: 'M3.5 7.5h6v6h-6zM10.5 6.5h6v6h-6z',
  archive: 'M3 4.5h14v3.5H3zM4.5 8v7.5h11V8M8 11h4',
  home: 'M3.5 9.5 10 4l6.5 5.5M5.5 8.5V16h9V8.5',
  menu: 'M3 5.5h14M3 10h14M3 14.5h14',
  close: 'M5 5l10 10M15 5 5 15',
  back: 'M12.5 4.5 7 10l5.5 5.5',
  down: 'M5 8l5 5 5-5',
  thread: 'M4 4.5h12v8.5H9.5L6 16v-3H4z',
  more: 'M10 4.6v.01M10 10v.01M10 15.4v.01',
  link: 'M8.5 11.5a3 3 0 0 0 4.2 0l2.6-2.6a3 3 0 0 0-4.2-4.2l-1 1M11.5 8.5a3 3 0 0 0-4.2 0l-2.6 2.6a3 3 0 0 0 4.2 4.2l1-1',
  send: 'M3.5 16.5 17 10 3.5 3.5 5.5 10zM5.5 10H11',
  bolt: 'M11 2.5 4.5 11.5H10l-1 6 6.5-9H10z',
  eye: 'M2.5 10S5.3 5 10 5s7.5 5 7.5 5-2.8 5-7.5 5-7.5-5-7.5-5zM10 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
  check: 'M4.5 10.5 8.5 14.5 15.5 6',
  warning: 'M10 3 2.5 16.5h15zM10 8v4M10 14.3v.01',
  info: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 9.3V13.5M10 6.5v.01',
  image: 'M3 4.5h14v11H3zM3 13l4-4 4 4 2.5-2.5L17 13.5M12.8 7.5v.01',
  users: 'M7.5 9.5a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4zM2.5 16c.3-3 2.2-4.5 5-4.5s4.7 1.5 5 4.5M13 4.4a2.6 2.6 0 0 1 0 4.9M14.5 11.7c1.8.5 2.8 2 3 4.3',
};

const ns = 'http://www.w3.org/2000/svg';

export function icon(name) {
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(ns, 'path');
  path.setAttribute('d', paths[name]);
  svg.append(path);
  return svg;
}
