// Login, userinfo, refresh and logout with oidc-client-ts, as a page in a browser uses it.
import { InMemoryWebStorage, OidcClient, WebStorageStateStore } from "oidc-client-ts";
import { clientId, issuer, open, redirectUri, scope, tell } from "./ask.js";

const client = new OidcClient({
  authority: issuer,
  client_id: clientId,
  redirect_uri: redirectUri,
  post_logout_redirect_uri: redirectUri,
  scope,
  loadUserInfo: true,
  stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
});
const signin = await client.createSigninRequest({ nonce: crypto.randomUUID() });
const tokens = await client.processSigninResponse(await open(signin.url));
const refreshed = await client.useRefreshToken({ state: tokens });
const signout = await client.createSignoutRequest({
  id_token_hint: tokens.id_token,
  state: "signed-out",
});
const signedOut = await open(signout.url);
await client.processSignoutResponse(signedOut);
tell({
  sub: tokens.profile.sub,
  userinfo: tokens.profile,
  rotated: refreshed.refresh_token !== tokens.refresh_token,
  signedOut,
});
