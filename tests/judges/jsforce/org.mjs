// The org under judgement, as its announcement describes it, and what steers it from outside.
import jsforce from 'jsforce';

const VERSION = '67.0';

export class Org {
  constructor(facts) {
    this.facts = facts;
    this.url = facts.url;
  }

  /** A connection that has a session already. */
  connect(options = {}) {
    return new jsforce.Connection({
      instanceUrl: this.url,
      accessToken: this.facts.access_token,
      version: VERSION,
      ...options,
    });
  }

  /** What a login needs to know of the app. */
  app(options = {}) {
    return {
      loginUrl: this.url,
      clientId: this.facts.client_id,
      clientSecret: this.facts.client_secret,
      ...options,
    };
  }

  /** A connection that still has to log in. */
  stranger(oauth2 = this.app(), options = {}) {
    return new jsforce.Connection({ oauth2, loginUrl: this.url, version: VERSION, ...options });
  }

  /** A session of its own, which may end without a harm to other scenarios. */
  async login() {
    const connection = this.stranger();
    await connection.login(this.facts.username, 'secret');
    return connection;
  }

  /** A command of the control API, and its answer. */
  async control(method, command, body) {
    const response = await fetch(`${this.facts.control_url}/${command}`, {
      method,
      headers: { authorization: `Bearer ${this.facts.control_token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} ${command}: ${JSON.stringify(answer)}`);
    return answer;
  }
}
