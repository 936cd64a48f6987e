// Login, userinfo, refresh and logout with openid-client, whose checks are all left on.
import * as client from "openid-client";
import { clientId, issuer, open, redirectUri, scope, tell } from "./ask.js";

const options = { execute: [client.allowInsecureRequests] }; // loopback has no TLS
const config = await client.discovery(new URL(issuer), clientId, undefined, client.None(), options);

const verifier = client.randomPKCECodeVerifier();
const checks = {
  pkceCodeVerifier: verifier,
  expectedState: client.randomState(),
  expectedNonce: client.randomNonce(),
  idTokenExpected: true,
};
const back = await open(
  client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  }),
);
const tokens = await client.authorizationCodeGrant(config, new URL(back), checks);
const { sub } = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub);
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
const signedOut = await open(
  client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: redirectUri,
    state: "signed-out",
  }),
);
tell({
  sub,
  userinfo,
  rotated: refreshed.refresh_token !== tokens.refresh_token,
  signedOut,
});
