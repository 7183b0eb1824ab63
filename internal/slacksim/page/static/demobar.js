// The bar that is not Slack: what this page is, whom one acts as, and what one can make
// happen.

import { avatar, roleOf } from './avatar.js';
import { h, refill } from './dom.js';
import { icon } from './icons.js';
import { openMenu } from './popover.js';
import { go } from './route.js';
import { report } from './toast.js';

export class DemoBar {
  constructor(desk) {
    this.desk = desk;
    this.node = h('header', { class: 'demobar' });
  }

  show() {
    const { store } = this.desk;
    const look = JSON.stringify([store.title, store.intro, store.me, store.person(store.me), store.actions]);
    if (look === this.look) return;
    this.look = look;
    const me = store.person(store.me);
    const switcher = h('button', { type: 'button', class: 'switcher', 'aria-haspopup': 'menu', 'aria-expanded': 'false', title: 'Act as somebody else', data: { keep: 'switcher', switcher: '' }, on: { click: () => this.#switch(switcher) } },
      avatar(me, 'small'), h('span', { class: 'switcher-words' }, h('span', { class: 'switcher-you' }, 'You are '), h('strong', {}, me?.name || store.me)), icon('down'));
    const drawer = h('button', { type: 'button', class: 'icon-button drawer-button', 'aria-label': 'Channels', 'aria-controls': 'sidebar', data: { keep: 'drawer' }, on: { click: () => this.desk.toggleDrawer() } }, icon('menu'));
    refill(this.node, drawer,
      h('div', { class: 'demo-words' }, h('span', { class: 'demo-title' }, store.title), store.intro && h('span', { class: 'demo-intro', title: store.intro }, store.intro)),
      store.actions.length > 0 && h('div', { class: 'demo-actions', role: 'group', 'aria-label': 'Demo' }, store.actions.map((action) => this.#action(action))),
      switcher);
  }

  #action(action) {
    const act = async (event) => {
      const control = event.currentTarget;
      if (control.getAttribute('aria-busy') === 'true') return;
      control.setAttribute('aria-busy', 'true');
      report(await this.desk.api.action(action.id));
      control.removeAttribute('aria-busy');
    };
    return h('button', { type: 'button', class: 'demo-action', title: action.hint, data: { action: action.id }, on: { click: act } }, h('span', { class: 'button-text' }, action.label));
  }

  #switch(anchor) {
    const { store } = this.desk;
    const people = store.people.filter((person) => person.actable);
    openMenu(anchor, 'Act as', [{ heading: 'Act as' }, ...people.map((person) => ({
      checked: person.id === store.me,
      data: { person: person.id },
      node: h('span', { class: 'person-row' }, avatar(person),
        h('span', { class: 'person-words' }, h('span', { class: 'menu-label' }, person.name, roleOf(person) && h('span', { class: 'badge' }, roleOf(person))), h('span', { class: 'menu-hint' }, [person.real_name !== person.name && person.real_name, person.title].filter(Boolean).join(' · '))),
        icon('check')),
      choose: () => go({ as: person.id }),
    }))]);
  }
}
