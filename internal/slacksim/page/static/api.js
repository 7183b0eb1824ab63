// The simulator's calls for this page. No call throws: an answer is {ok: true, …} or
// {ok: false, error: words for a person}.

const base = '_sim/page/';
const unreachable = 'The simulator cannot be reached. Is it still running?';

export class API {
  constructor() {
    this.as = null;
  }

  snapshot() {
    return this.#ask(`snapshot${this.as ? `?as=${encodeURIComponent(this.as)}` : ''}`);
  }

  events() {
    return new EventSource(`${base}events?as=${encodeURIComponent(this.as)}`);
  }

  click = (body) => this.#post('click', body);
  submit = (viewId, values) => this.#post('submit', { view_id: viewId, values });
  close = (viewId, clear) => this.#post('close', { view_id: viewId, clear });
  openHome = () => this.#post('open_home', {});
  command = (channel, text) => this.#post('command', { channel, text });
  shortcut = (callbackId, channel, ts) => this.#post('shortcut', { callback_id: callbackId, channel, ts });
  message = (channel, threadTs, text) => this.#post('message', { channel, thread_ts: threadTs, text });
  action = (id) => this.#post('action', { id });

  #post(path, body) {
    return this.#ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ as: this.as, ...body }) });
  }

  async #ask(path, request) {
    let response;
    try {
      response = await fetch(base + path, request);
    } catch {
      return { ok: false, error: unreachable };
    }
    let answer;
    try {
      answer = await response.json();
    } catch {
      answer = {};
    }
    if (!response.ok) return { ok: false, error: answer.error || `The simulator answered with status ${response.status}.` };
    return request ? answer : { ok: true, ...answer };
  }
}
