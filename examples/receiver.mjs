// Receive webhooks from scimd: verify the signature of each, and print every event once.
//
// Needs Node 18 or newer and no package. docs/consumers.md explains webhooks.
//
//     export SCIM_WEBHOOK_KEY=whpk_...             what `scimd webhook create` printed; several with commas
//     node examples/receiver.mjs 8080
//
// It listens on this machine only. Put it behind what ends TLS for your other services.

import { createHmac, createPublicKey, timingSafeEqual, verify } from "node:crypto";
import { createServer } from "node:http";

const TOLERANCE = 300; // seconds: an older request may be one that was recorded and is sent again
const MOST_BYTES = 1_000_000; // scimd sends 256 KiB at most

const keys = (process.env.SCIM_WEBHOOK_KEY ?? "").split(",");
const seen = new Set(); // in a service: a table of your database

// Whether one of the keys has signed the request, and just now; `body` is the very bytes that came.
function isGenuine(headers, body) {
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE) return false;
  const signed = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${timestamp}.`), body]);
  const signatures = (headers["webhook-signature"] ?? "").split(" ").map((each) => each.split(","));
  return keys.some((key) => signatures.some(([version, signature]) => fits(key, version, signature, signed)));
}

// Whether a signature was made by a key: v1a by that of a public key, v1 by a shared secret.
function fits(key, version, signature = "", signed) {
  const [, kind, encoded] = key.match(/^(whpk|whsec)_(.+)$/) ?? [];
  const [known, given] = [Buffer.from(encoded ?? "", "base64"), Buffer.from(signature, "base64")];
  if (kind === "whsec" && version === "v1") {
    const expected = createHmac("sha256", known).update(signed).digest();
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
  if (kind === "whpk" && version === "v1a") {
    const jwk = { kty: "OKP", crv: "Ed25519", x: known.toString("base64url") };
    return verify(null, signed, createPublicKey({ key: jwk, format: "jwk" }), given);
  }
  return false;
}

async function read(request) {
  const pieces = [];
  let length = 0;
  for await (const piece of request) {
    if ((length += piece.length) > MOST_BYTES) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function receive(request) {
  if (request.method !== "POST") return 405;
  const body = await read(request);
  if (body === null) return 413;
  if (!isGenuine(request.headers, body)) return 400;
  const event = JSON.parse(body);
  // In a service, one transaction: do what the event says, and store its id. Answer when it is committed.
  if (!seen.has(event.id)) {
    console.log(JSON.stringify(event));
    seen.add(event.id);
  }
  return 204;
}

const port = Number(process.argv[2]);
if (!(port > 0 && port < 65_536) || !keys.every(Boolean)) {
  console.error("Which port, and which key? The first lines of this file say.");
  process.exit(1);
}
createServer(async (request, response) => {
  const status = await receive(request).catch(() => 500);
  response.writeHead(status, status === 204 ? {} : { Connection: "close" }).end();
}).on("error", ({ message }) => {
  console.error(`Port ${port} cannot be used: ${message}`);
  process.exit(1);
}).listen(port, "127.0.0.1");
