// Every way in that jsforce 3 has, and the way out.
import { createSign } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import jsforce from 'jsforce';

import { fits, has, holds, refused, same } from './checks.mjs';

const REDIRECT = 'http://localhost:1717/OauthRedirect';
const STATE = 'back to / & on';

/** The connection works, as the user that the org announced. */
async function works(org, connection) {
  const identity = await connection.identity();
  has(identity, { username: org.facts.username, organization_id: org.facts.org_id });
  same(connection.userInfo.organizationId, org.facts.org_id);
  same(connection.userInfo.id, identity.user_id);
  const { records } = await connection.query(`SELECT Username FROM User WHERE Id = '${identity.user_id}'`);
  same(
    records.map((user) => user.Username),
    [org.facts.username],
  );
}

/** Follow the authorization URL as a browser that is signed in would; gives the parameters of the redirect. */
async function authorize(url) {
  const response = await fetch(url, { redirect: 'manual' });
  same(response.status, 302);
  const target = new URL(response.headers.get('location'));
  same(target.origin + target.pathname, REDIRECT);
  return target.searchParams;
}

async function assertion(org, claims = {}) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const payload = {
    iss: org.facts.client_id,
    sub: org.facts.username,
    aud: 'https://login.salesforce.com',
    exp: Math.floor(Date.now() / 1000) + 300,
    ...claims,
  };
  const signed = `${encode({ alg: 'RS256' })}.${encode(payload)}`;
  const key = await readFile(org.facts.private_key_file, 'utf8');
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key, 'base64url')}`;
}

function bearer(token) {
  return { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: token };
}

export async function accessToken(org) {
  await works(org, org.connect());
  const error = await refused(
    org.connect({ accessToken: '00D!wrong' }).query('SELECT Id FROM User'),
    'INVALID_SESSION_ID',
  );
  same(error.message, 'Session expired or invalid');
}

export async function usernameAndPassword(org) {
  const connection = org.stranger();
  const user = await connection.login(org.facts.username, 'secret');
  fits(user.url, /\/id\/00D\w{15}\/005\w{15}$/);
  same(connection.instanceUrl, org.url);
  await works(org, connection);
  const token = await new jsforce.OAuth2(org.app()).authenticate(org.facts.username, 'secret');
  has(token, {
    token_type: 'Bearer',
    instance_url: org.url,
    refresh_token: undefined,
    expires_in: undefined,
  });
  fits(token.issued_at, /^\d{13}$/);
}

export async function usernameAndPasswordRefused(org) {
  await refused(org.stranger().login('nobody@example.com', 'secret'), 'invalid_grant');
  await refused(
    org.stranger(org.app({ clientId: 'another' })).login(org.facts.username, 'x'),
    'invalid_client_id',
  );
  await refused(
    org.stranger(org.app({ clientSecret: 'another' })).login(org.facts.username, 'x'),
    'invalid_client',
  );
}

export async function webServer(org) {
  const oauth2 = new jsforce.OAuth2(org.app({ redirectUri: REDIRECT, useVerifier: true }));
  const found = await authorize(oauth2.getAuthorizationUrl({ scope: 'api refresh_token', state: STATE }));
  same(found.get('state'), STATE);
  const connection = org.stranger(oauth2);
  await connection.authorize(found.get('code'));
  holds(connection.refreshToken, 'the scope asked for a refresh token');
  await works(org, connection);
  await refused(org.stranger(oauth2).authorize(found.get('code')), 'invalid_grant'); // a code works once
}

export async function webServerWithoutVerifier(org) {
  const oauth2 = new jsforce.OAuth2(org.app({ redirectUri: REDIRECT }));
  const found = await authorize(oauth2.getAuthorizationUrl({ scope: 'api' }));
  same(found.get('state'), null);
  const connection = org.stranger(oauth2);
  await connection.authorize(found.get('code'));
  holds(!connection.refreshToken, 'the scope did not ask for a refresh token');
  await works(org, connection);
}

export async function webServerRefused(org) {
  const oauth2 = new jsforce.OAuth2(org.app({ redirectUri: REDIRECT, useVerifier: true }));
  const another = new jsforce.OAuth2(org.app({ redirectUri: REDIRECT, useVerifier: true }));
  const elsewhere = new jsforce.OAuth2(org.app({ redirectUri: `${REDIRECT}/` }));
  const code = async () => (await authorize(oauth2.getAuthorizationUrl({ scope: 'api' }))).get('code');
  await refused(org.stranger(another).authorize(await code()), 'invalid_grant');
  elsewhere.codeVerifier = oauth2.codeVerifier;
  await refused(org.stranger(elsewhere).authorize(await code()), 'redirect_uri_mismatch');
  await refused(org.stranger(oauth2).authorize('no such code'), 'invalid_grant');
}

export async function refreshToken(org) {
  const { refresh_token: first } = await org.control('POST', 'refresh/issue');
  const oauth2 = new jsforce.OAuth2(org.app());
  const one = await oauth2.refreshToken(first);
  fits(one.id, new RegExp(`/id/${org.facts.org_id}/005\\w{15}$`));
  holds(one.refresh_token && one.refresh_token !== first, 'the token turned');
  const two = await oauth2.refreshToken(one.refresh_token);
  await works(org, org.connect({ accessToken: two.access_token }));
  const error = await refused(oauth2.refreshToken(first), 'invalid_grant'); // used twice: the whole grant ends
  same(error.message, 'expired access/refresh token');
  await refused(oauth2.refreshToken(two.refresh_token), 'invalid_grant');
  await refused(
    org.connect({ accessToken: two.access_token }).query('SELECT Id FROM User'),
    'INVALID_SESSION_ID',
  );
}

export async function refreshByTheConnection(org) {
  const { refresh_token: first } = await org.control('POST', 'refresh/issue');
  const connection = org.stranger(org.app(), {
    instanceUrl: org.url,
    accessToken: '00D!gone',
    refreshToken: first,
  });
  const told = [];
  connection.on('refresh', (token, answer) => {
    told.push(token);
    connection.refreshToken = answer.refresh_token; // jsforce leaves the keeping of a turned token to its user
  });
  const answers = await Promise.all([1, 2, 3, 4].map(() => connection.query('SELECT Id FROM Organization')));
  same(
    answers.map((answer) => answer.totalSize),
    [1, 1, 1, 1],
  );
  same(told.length, 1, 'one refresh for all of them');
  await new jsforce.OAuth2(org.app()).revokeToken(connection.accessToken);
  same((await connection.query('SELECT Id FROM Organization')).totalSize, 1);
  same(told.length, 2);
  await works(org, connection);
}

export async function jwtBearer(org) {
  const connection = org.stranger();
  await connection.authorize(bearer(await assertion(org)));
  await works(org, connection);
  holds(!connection.refreshToken, 'this flow gives no refresh token');
  const another = org.stranger({ loginUrl: org.url }); // without an app: the assertion says it all
  await another.authorize(bearer(await assertion(org, { aud: org.url })));
  await works(org, another);
}

export async function jwtBearerRefused(org) {
  const attempt = async (claims) => org.stranger().authorize(bearer(await assertion(org, claims)));
  await refused(attempt({ aud: 'https://example.com' }), 'invalid_grant');
  await refused(attempt({ exp: Math.floor(Date.now() / 1000) - 3600 }), 'invalid_grant');
  await refused(attempt({ iss: 'another' }), 'invalid_client_id');
  const error = await refused(attempt({ sub: 'nobody@example.com' }), 'invalid_grant');
  same(error.message, "user hasn't approved this consumer");
  const tampered = (await assertion(org)).replace(/\.[^.]+$/, '.AAAA');
  await refused(org.stranger().authorize(bearer(tampered)), 'invalid_grant');
}

export async function clientCredentials(org) {
  const connection = org.stranger();
  await connection.authorize({ grant_type: 'client_credentials' });
  await works(org, connection);
  holds(!connection.refreshToken, 'this flow gives no refresh token');
  const impostor = org.stranger(org.app({ clientSecret: 'guessed' }));
  await refused(impostor.authorize({ grant_type: 'client_credentials' }), 'invalid_client');
}

export async function unknownFlow(org) {
  await refused(org.stranger().authorize({ grant_type: 'telepathy' }), 'unsupported_grant_type');
}

export async function logout(org) {
  const connection = await org.login();
  const token = connection.accessToken;
  await connection.logout();
  same(connection.accessToken, null);
  await refused(org.connect({ accessToken: token }).query('SELECT Id FROM User'), 'INVALID_SESSION_ID');
}

export async function logoutByTheRefreshToken(org) {
  const { refresh_token: first } = await org.control('POST', 'refresh/issue');
  const oauth2 = new jsforce.OAuth2(org.app());
  const { access_token, refresh_token } = await oauth2.refreshToken(first);
  const connection = org.stranger(oauth2, {
    instanceUrl: org.url,
    accessToken: access_token,
    refreshToken: refresh_token,
  });
  await connection.logout(true); // ends the grant, and every session that came of it
  await refused(
    org.connect({ accessToken: access_token }).query('SELECT Id FROM User'),
    'INVALID_SESSION_ID',
  );
  await refused(oauth2.refreshToken(refresh_token), 'invalid_grant');
}
