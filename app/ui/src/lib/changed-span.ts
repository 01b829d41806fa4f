/** Where two texts differ: what they share at the start and at the end, and the middle that is another. */

export type ChangedSpan = { start: string; before: string; after: string; end: string };

/** Cuts at the edges of words, so that no letter is marked that belongs to a word. */
export function changedSpan(before: string, after: string): ChangedSpan {
  const longest = Math.min(before.length, after.length);
  let start = 0;
  while (start < longest && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < longest - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  while (start > 0 && isInsideWord(before, after, start)) start -= 1;
  while (end > 0 && isInsideWord(before, after, before.length - end, after.length - end)) end -= 1;
  return {
    start: before.slice(0, start),
    before: before.slice(start, before.length - end),
    after: after.slice(start, after.length - end),
    end: before.slice(before.length - end),
  };
}

const WORD = /[\p{L}\p{N}_]/u;
const splits = (text: string, at: number): boolean => WORD.test(text[at - 1] ?? "") && WORD.test(text[at] ?? "");

function isInsideWord(before: string, after: string, atBefore: number, atAfter = atBefore): boolean {
  return splits(before, atBefore) || splits(after, atAfter);
}
