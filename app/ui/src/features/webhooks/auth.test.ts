import { expect, test } from "vitest";

import { AUTH_KINDS, freshAuth, keepsSecret, needsSecret } from "./auth";

test.each(AUTH_KINDS)("%s begins as something that can be saved", (kind) => {
  const auth = freshAuth(kind);
  expect(auth.kind).toBe(kind);
  expect(needsSecret(auth)).toBe(kind !== "none");
  expect(keepsSecret(auth, auth)).toBe(kind !== "none");
  expect(keepsSecret(null, auth)).toBe(false);
});

test("a public key needs no secret, and another kind does not keep it", () => {
  const byKey = { kind: "jwt", algorithm: "RS256", public_key: "…" } as const;
  expect(needsSecret(byKey)).toBe(false);
  expect(keepsSecret(freshAuth("jwt"), byKey)).toBe(false);
  expect(keepsSecret(freshAuth("github"), freshAuth("stripe"))).toBe(false);
});
