// All tokens of the org end.
import { has, refused, same } from './checks.mjs';

/** A refresh function that logs in again, and counts how often it was asked. */
function renewal(org) {
  const told = { count: 0 };
  const refreshFn = (connection, done) => {
    told.count += 1;
    org.login().then((fresh) => done(null, fresh.accessToken), done);
  };
  return { told, refreshFn };
}

export async function refreshFunction(org) {
  const { told, refreshFn } = renewal(org);
  const connection = org.connect({ refreshFn });
  await connection.query('SELECT Id FROM Organization');
  same(told.count, 0);
  await org.control('POST', 'tokens/expire');
  const ask = () => connection.query('SELECT Id FROM Organization');
  const answers = await Promise.all([ask(), ask(), ask(), ask(), ask()]);
  same(
    answers.map((answer) => answer.totalSize),
    [1, 1, 1, 1, 1],
  );
  same(told.count, 1, 'one refresh for many requests');
}

export async function writesAfterExpiry(org) {
  const { told, refreshFn } = renewal(org);
  const connection = org.connect({ refreshFn });
  await org.control('POST', 'tokens/expire');
  const made = await connection.create('Ledger__c', { Code__c: 'exp-after', Amount__c: 1 });
  same(made.success, true);
  await org.control('POST', 'tokens/expire');
  const several = await connection.update('Ledger__c', [{ Id: made.id, Amount__c: 2 }]);
  same(
    several.map((one) => one.success),
    [true],
  );
  await org.control('POST', 'tokens/expire');
  const loaded = await connection.bulk2.loadAndWaitForResults({
    object: 'Ledger__c',
    operation: 'insert',
    input: [{ Code__c: 'exp-bulk' }],
    pollInterval: 10,
  });
  same(
    loaded.successfulResults.map((row) => row.Code__c),
    ['exp-bulk'],
  );
  same(told.count, 3);
  has(await connection.retrieve('Ledger__c', made.id), { Amount__c: 2 });
}

export async function loginAgain(org) {
  const connection = await org.login(); // a login by password knows how to repeat itself
  const first = connection.accessToken;
  await org.control('POST', 'tokens/expire');
  same((await connection.query('SELECT Id FROM Organization')).totalSize, 1);
  same(connection.accessToken === first, false);
}

export async function withoutRefresh(org) {
  const connection = org.connect();
  await org.control('POST', 'tokens/expire');
  const error = await refused(connection.sobject('Account').create({ Name: 'late' }), 'INVALID_SESSION_ID');
  same(error.data, { message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' });
}

export async function streamAfterExpiry(org) {
  const { Listener } = await import('./listener.mjs');
  const { refreshFn } = renewal(org);
  const connection = org.connect({ refreshFn });
  const listener = await new Listener(connection, '/data/Ledger__ChangeEvent', -1).ready();
  await connection.create('Ledger__c', { Code__c: 'exp-before' });
  const [before] = await listener.events(1);
  await org.control('POST', 'tokens/expire');
  has(await listener.end(), { channel: '/meta/connect', error: '401::Authentication invalid' });
  await connection.create('Ledger__c', { Code__c: 'exp-away' }); // renews the session of the connection
  const again = await new Listener(connection, '/data/Ledger__ChangeEvent', before.event.replayId).ready();
  const [missed] = await again.events(1);
  same(missed.payload.Code__c, 'exp-away');
}
