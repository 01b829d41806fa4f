/** What stands behind the `?` of an address: written by anybody, so each value is read with care. */

export const oneOf = <T extends string>(list: readonly T[], value: unknown): T | undefined =>
  list.find((entry) => entry === value);

export const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

/** An address inside this page; anything else would let a link send people elsewhere after signing in. */
export function innerAddress(value: unknown): string | undefined {
  const address = textOf(value);
  return address?.startsWith("/") && !address.startsWith("//") && !address.includes("\\") ? address : undefined;
}
