// The app's Home tab.

import { blocks } from './blocks.js';
import { h, refill } from './dom.js';
import { icon } from './icons.js';
import { Surface } from './surface.js';

export class Home {
  constructor(desk) {
    this.desk = desk;
    this.inner = h('div', { class: 'home-inner' });
    this.node = h('div', { class: 'home', role: 'region', 'aria-label': 'Home', tabindex: '0' }, this.inner);
  }

  show() {
    const { store, api } = this.desk;
    const view = store.home;
    const look = JSON.stringify([store.me, view]);
    if (look === this.look) return;
    this.look = look;
    if (!view) {
      refill(this.inner, h('div', { class: 'empty-state' }, icon('home'), h('p', {}, `${store.app.name || 'The app'} has not drawn its Home yet.`)));
      return;
    }
    const values = store.valuesFor('home');
    values.keepOnly(view.blocks);
    const surface = new Surface({ store, api, blocks: view.blocks, values, container: { type: 'home', view_id: view.id } });
    this.inner.dataset.viewId = view.id;
    refill(this.inner, blocks(surface, view.blocks));
  }
}
