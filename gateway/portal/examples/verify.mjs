import { createHmac, timingSafeEqual } from "node:crypto";

// secret is "whsec_…"; headers have lower-case names; body is a Buffer,
// as it came, before any parsing.
export function verify(secret, headers, body) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) {
    return false; // sent again by somebody who listened
  }
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key)
    .update(`${id}.${timestamp}.`)
    .update(body)
    .digest();
  return headers["webhook-signature"].split(" ").some((each) => {
    const [version, value] = each.split(",");
    const given = Buffer.from(value ?? "", "base64");
    return (
      version === "v1" &&
      given.length === expected.length &&
      timingSafeEqual(given, expected)
    );
  });
}
