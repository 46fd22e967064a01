// Issues, rotates and rejects tokens for test_oauth_server.py; time moves on when the test says so.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const LIFE = 60; // seconds of an access token
const SCOPE = 'openid offline_access projects:read';

const wall = Date.now;
let ahead = 0; // milliseconds
Date.now = () => wall() + ahead;

const counts = { tokens: 0, refused: 0, served: 0, rejected: 0 };

const http = createServer();
await new Promise((listening) => http.listen(0, '127.0.0.1', listening));
const origin = `http://127.0.0.1:${http.address().port}`;

const provider = new Provider(origin, {
  clients: [{
    client_id: 'collector:1',
    client_secret: 'p%ss+w&rd=0123456789abcdef',
    grant_types: ['authorization_code', 'client_credentials', 'refresh_token'],
    redirect_uris: ['https://app.example/callback'],
  }],
  scopes: SCOPE.split(' '),
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: () => '/' },
  rotateRefreshToken: true,
  ttl: { AccessToken: LIFE, ClientCredentials: LIFE, Grant: 86_400 * 365, RefreshToken: 86_400 * 365 },
});
provider.on('grant.success', () => { counts.tokens += 1; });
provider.on('grant.error', () => { counts.refused += 1; });

// What is left of a login in the browser: a grant and its first refresh token.
async function login() {
  const client = await provider.Client.find('collector:1');
  const grant = new provider.Grant({ clientId: client.clientId, accountId: 'user' });
  grant.addOIDCScope(SCOPE);
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    client, grantId, accountId: 'user', scope: SCOPE, gty: 'authorization_code', authTime: Math.floor(Date.now() / 1000),
  });
  return { grant_id: grantId, refresh_token: await token.save() };
}

async function isAccepted(authorization = '') {
  const text = authorization.replace(/^Bearer /, '');
  const token = await provider.AccessToken.find(text) ?? await provider.ClientCredentials.find(text);
  return token?.isValid === true;
}

async function serveApi({ headers }) {
  if (!await isAccepted(headers.authorization)) {
    counts.rejected += 1;
    return [401, { error: { code: 'invalid_token', message: 'This access token is not valid.' } }];
  }
  counts.served += 1;
  return [200, { data: [{ id: 'p1', name: 'One' }], meta: {} }];
}

async function serveTest({ pathname, searchParams }) {
  if (pathname === '/test/login') return [200, await login()];
  if (pathname === '/test/advance') ahead += 1000 * Number(searchParams.get('seconds'));
  if (pathname === '/test/revoke') await provider.RefreshToken.revokeByGrantId(searchParams.get('grant_id'));
  return [200, counts];
}

http.on('request', async (request, response) => {
  const url = new URL(request.url, origin);
  const serve = url.pathname.startsWith('/v1/') ? () => serveApi(request)
    : url.pathname.startsWith('/test/') ? () => serveTest(url) : null;
  if (!serve) return provider.callback()(request, response);
  const [status, body] = await serve();
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});

process.stdin.on('end', () => process.exit()).resume(); // the test that started it is gone
console.log(origin);
