import { expect, test, vi } from "vitest";

import { sendInPieces, type Pieces } from "@/lib/pieces";
import { Problem } from "@/lib/problem";
import { TransferCancelled } from "@/lib/transfer";
import type { Asset } from "@/lib/types";

const PIECE = 24_000_000;
const asset = { id: "a" } as Asset;
const broken = new Problem({ status: 0, detail: "The upload broke off." });

/** A file of this size without its bytes: only size and slices are asked for. */
const file = (size: number): File =>
  ({
    name: "film.mov",
    size,
    slice: (from: number, to: number) => ({ size: Math.min(to, size) - from }),
  }) as unknown as File;

function server() {
  const sent: [number, number][] = [];
  const calls: Pieces = {
    start: () => Promise.resolve({ id: "u" }),
    received: () => Promise.resolve(sent.reduce((sum, [, size]) => sum + size, 0)),
    send: (_, offset, piece) => {
      sent.push([offset, piece.size]);
      return Promise.resolve(offset + piece.size);
    },
    finish: () => Promise.resolve(asset),
    giveUp: vi.fn(() => Promise.resolve(undefined)),
    pause: () => Promise.resolve(),
  };
  return { sent, calls };
}

const handlers = () => ({ onProgress: () => undefined, signal: new AbortController().signal });

test("a large file goes up in pieces, one behind the other", async () => {
  const { sent, calls } = server();
  expect(await sendInPieces(file(PIECE * 2 + 5), handlers(), calls)).toBe(asset);
  expect(sent).toEqual([
    [0, PIECE],
    [PIECE, PIECE],
    [PIECE * 2, 5],
  ]);
});

test("after a broken line it goes on where the server stands, in the middle of a piece too", async () => {
  const { sent, calls } = server();
  const send = calls.send;
  let isBroken = true;
  calls.send = (id, offset, piece, onSent, signal) => {
    if (!isBroken) return send(id, offset, piece, onSent, signal);
    isBroken = false;
    sent.push([0, 10]);
    return Promise.reject(broken);
  };
  await sendInPieces(file(PIECE), handlers(), calls);
  expect(sent).toEqual([
    [0, 10],
    [10, PIECE - 10],
  ]);
});

test("a line that stays broken ends the upload, and the server may forget it", async () => {
  const { calls } = server();
  calls.send = () => Promise.reject(broken);
  await expect(sendInPieces(file(PIECE), handlers(), calls)).rejects.toBe(broken);
  expect(calls.giveUp).toHaveBeenCalledWith("u");
});

test.each([0, 502, 503, 504, 524])("a finish whose answer is lost (%i) is asked for again", async (status) => {
  const { sent, calls } = server();
  const finish = vi.fn(calls.finish).mockRejectedValueOnce(new Problem({ status, detail: "Lost." }));
  // The server has finished, so it no longer knows the upload.
  const received = () => Promise.reject(new Problem({ status: 404, detail: "Finished." }));
  expect(await sendInPieces(file(PIECE), handlers(), { ...calls, finish, received })).toBe(asset);
  expect(finish).toHaveBeenCalledTimes(2);
  expect(sent).toEqual([[0, PIECE]]);
  expect(calls.giveUp).not.toHaveBeenCalled();
});

test("a finish that finds bytes missing sends them and finishes", async () => {
  const { sent, calls } = server();
  const finish = vi.fn(calls.finish).mockRejectedValueOnce(new Problem({ status: 409, detail: "Missing." }));
  const received = () => Promise.resolve(10);
  expect(await sendInPieces(file(PIECE), handlers(), { ...calls, finish, received })).toBe(asset);
  expect(sent).toEqual([
    [0, PIECE],
    [10, PIECE - 10],
  ]);
});

test("a finish that stays lost or is refused ends the upload", async () => {
  const { calls } = server();
  const refusal = new Problem({ status: 422, detail: "Damaged." });
  const refused = vi.fn(() => Promise.reject(refusal));
  await expect(sendInPieces(file(PIECE), handlers(), { ...calls, finish: refused })).rejects.toBe(refusal);
  expect(refused).toHaveBeenCalledTimes(1);
  const lost = () => Promise.reject(broken);
  await expect(sendInPieces(file(PIECE), handlers(), { ...calls, finish: lost })).rejects.toBe(broken);
});

test("a refusal is final at once", async () => {
  const { calls } = server();
  const refusal = new Problem({ status: 413, detail: "Too large." });
  const send = vi.fn(() => Promise.reject(refusal));
  await expect(sendInPieces(file(PIECE), handlers(), { ...calls, send })).rejects.toBe(refusal);
  expect(send).toHaveBeenCalledTimes(1);
});

test("a person may stop it while it waits to go on", async () => {
  const { calls } = server();
  const abort = new AbortController();
  calls.send = () => Promise.reject(broken);
  calls.pause = () => {
    abort.abort();
    return Promise.resolve();
  };
  await expect(sendInPieces(file(PIECE), { onProgress: () => undefined, signal: abort.signal }, calls)).rejects.toThrow(
    TransferCancelled,
  );
});
