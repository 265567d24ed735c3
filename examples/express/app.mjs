// An app whose people sign in through scimd: Express with openid-client 6.
//
//     scimd app create express-app --redirect-uri http://127.0.0.1:3000/callback --scope "profile email groups"
//     npm install
//     ISSUER=https://scim.example.com/contoso CLIENT_ID=app_... CLIENT_SECRET=scimd_secret_... node app.mjs
//
// Then open http://127.0.0.1:3000/. Elsewhere, BASE is the address that people open, and the URI begins with it.

import { randomBytes } from "node:crypto";
import express from "express";
import session from "express-session";
import * as client from "openid-client";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, PORT = "3000" } = process.env;
const BASE = process.env.BASE ?? `http://127.0.0.1:${PORT}`;
const options = ISSUER.startsWith("http://127.0.0.1") ? { execute: [client.allowInsecureRequests] } : {};
const scimd = await client.discovery(
  new URL(ISSUER), CLIENT_ID, undefined, client.ClientSecretBasic(CLIENT_SECRET), options,
);

const app = express();
app.use(session({
  name: "express-app", secret: process.env.SECRET_KEY ?? randomBytes(32).toString("hex"),
  resave: false, saveUninitialized: false, cookie: { httpOnly: true, sameSite: "lax" },
}));

app.get("/", (request, response) => {
  const { person } = request.session;
  if (!person) return response.send('<a href="/login">Sign in</a>');
  response.json({ key: [person.iss, person.sub], name: person.name, groups: person.groups ?? [] });
});

app.get("/login", async (request, response) => {
  const verifier = client.randomPKCECodeVerifier();
  const wanted = { verifier, state: client.randomState(), nonce: client.randomNonce() };
  request.session.wanted = wanted;
  response.redirect(client.buildAuthorizationUrl(scimd, {
    redirect_uri: `${BASE}/callback`, scope: "openid profile email groups", state: wanted.state, nonce: wanted.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  }).href);
});

app.get("/callback", async (request, response) => {
  const wanted = request.session.wanted ?? {};
  try {
    const tokens = await client.authorizationCodeGrant(scimd, new URL(request.originalUrl, BASE), {
      pkceCodeVerifier: wanted.verifier, expectedState: wanted.state, expectedNonce: wanted.nonce, idTokenExpected: true,
    });
    const person = tokens.claims();
    request.session.regenerate(() => {
      request.session.person = person;
      request.session.save(() => response.redirect("/"));
    });
  } catch (error) { // the client secret is wrong, or the code, the state or the ID token is not good
    console.error("The sign-in has failed:", error.error ?? error.code, error.error_description ?? error.message);
    response.status(403).json({ error: error.error ?? error.code ?? "failed" });
  }
});

app.listen(Number(PORT), "127.0.0.1");
