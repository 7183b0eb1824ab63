// Line icons, drawn on a 20 by 20 grid.

const paths = {
  hash: 'M8 3 6.5 17M13.5 3 12 17M4 7.5h13M3 12.5h13',
  lock: 'M5.5 9h9v7.5h-9zM7.3 9V6.2a2.7 2.7 0 0 1 5.4 0V9',
  shared: 'M3.5 7.5h6v6h-6zM10.500 6.500h6v6h-6z',
  archive: 'M3 4.500h14v3.500H3zM4.500 8v7.500h11V8M8 11h4',
  home: 'M3.500 9.500 10 4l6.500 5.500M5.500 8.500V16h9V8.500',
  menu: 'M3 5.500h14M3 10h14M3 14.500h14',
  close: 'M5 5l10 10M15 5 5 15',
  back: 'M12.500 4.500 7 10l5.500 5.500',
  down: 'M5 8l5 5 5-5',
  thread: 'M4 4.500h12v8.500H9.500L6 16v-3H4z',
  more: 'M10 4.600v.01M10 10v.01M10 15.400v.01',
  link: 'M8.500 11.500a3 3 0 0 0 4.200 0l2.600-2.600a3 3 0 0 0-4.200-4.200l-1 1M11.500 8.500a3 3 0 0 0-4.200 0l-2.600 2.600a3 3 0 0 0 4.200 4.200l1-1',
  send: 'M3.500 16.500 17 10 3.500 3.500 5.500 10zM5.500 10H11',
  bolt: 'M11 2.500 4.500 11.500H10l-1 6 6.500-9H10z',
  eye: 'M2.500 10S5.300 5 10 5s7.500 5 7.500 5-2.800 5-7.500 5-7.500-5-7.500-5zM10 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
  check: 'M4.500 10.500 8.500 14.500 15.500 6',
  warning: 'M10 3 2.500 16.500h15zM10 8v4M10 14.300v.01',
  info: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 9.300V13.500M10 6.500v.01',
  image: 'M3 4.500h14v11H3zM3 13l4-4 4 4 2.500-2.500L17 13.500M12.800 7.500v.01',
  users: 'M7.500 9.500a2.700 2.700 0 1 0 0-5.400 2.700 2.700 0 0 0 0 5.400zM2.500 16c.3-3 2.200-4.500 5-4.500s4.700 1.500 5 4.500M13 4.400a2.600 2.600 0 0 1 0 4.900M14.500 11.700c1.800.5 2.800 2 3 4.300',
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
