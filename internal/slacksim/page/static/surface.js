// A surface is what blocks stand on: a message, an ephemeral notice, a modal, the Home
// tab. It knows where a click comes from and what has been entered around it.

import { confirmed } from './confirm.js';
import { h } from './dom.js';
import { icon } from './icons.js';

export class Surface {
  // container is {type: message|ephemeral|view|home, channel?, ts?, view_id?}.
  constructor({ store, api, container, blocks, values }) {
    Object.assign(this, { store, api, container, blocks, values });
  }

  // act sends a press or a choice to the app. The control shows that it is under way, and
  // a warning triangle with the reason if the app did not acknowledge it.
  async act(control, block, element, fields = {}) {
    if (control.getAttribute('aria-busy') === 'true') return;
    if (element.confirm && !(await confirmed(this.store, element.confirm))) return;
    clearFailure(control);
    control.setAttribute('aria-busy', 'true');
    const answer = await this.api.click({
      container: this.container,
      block_id: block.block_id,
      action_id: element.action_id,
      ...fields,
      state: this.values.collect(this.blocks),
    });
    control.removeAttribute('aria-busy');
    if (!answer.ok) showFailure(control, answer.error);
  }
}

function showFailure(control, words) {
  const note = h('p', { class: 'failure', role: 'alert' }, icon('warning'), h('span', {}, words || 'The app did not answer. Try again.'));
  control.classList.add('failed');
  (control.closest('.block') || control).append(note);
}

function clearFailure(control) {
  control.classList.remove('failed');
  control.closest('.block')?.querySelector('.failure')?.remove();
}
