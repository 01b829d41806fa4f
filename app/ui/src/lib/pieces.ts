/**
 * A large file in pieces: a broken line costs one piece, and a proxy that refuses large bodies does not
 * stand in the way. Sending is somebody else's work; here is only what follows what.
 */
import { backoff_ms } from "@/lib/live-protocol";
import { Problem } from "@/lib/problem";
import { TransferCancelled } from "@/lib/transfer";
import type { Asset } from "@/lib/types";

export type Handlers = { onProgress: (fraction: number) => void; signal: AbortSignal };

/** Far below what proxies refuse (100 MB), and little to send again. */
const PIECE_BYTES = 24_000_000;
/** What fails this often in a row, without a byte arriving, ends the upload: a piece or the finish. */
const PATIENCE = 8;

/** The calls of an upload in pieces. */
export type Pieces = {
  start: (file: File) => Promise<{ id: string }>;
  /** Where the next piece begins. */
  received: (id: string) => Promise<number>;
  send: (
    id: string,
    offset: number,
    piece: Blob,
    onSent: (bytes: number) => void,
    signal: AbortSignal,
  ) => Promise<number>;
  finish: (id: string) => Promise<Asset>;
  giveUp: (id: string) => Promise<unknown>;
  pause: (ms: number) => Promise<void>;
};

/** Silence, a tired server, or a piece that did not fit: what is here can be asked for, and the rest sent. */
const isPassing = (error: unknown): error is Problem =>
  error instanceof Problem && [0, 409, 502, 503, 504, 524].includes(error.status);

/** Raises TransferCancelled or a Problem; what has arrived is then forgotten by the server. */
export async function sendInPieces(file: File, { onProgress, signal }: Handlers, calls: Pieces): Promise<Asset> {
  const { id } = await calls.start(file);
  try {
    let offset = 0;
    let failures = 0;
    for (;;) {
      const begin = offset;
      const piece = file.slice(begin, begin + PIECE_BYTES);
      try {
        // Finishing hashes the whole file and may outlast a proxy; asked again, it gives the same asset.
        if (begin >= file.size) return await calls.finish(id);
        offset = await calls.send(
          id,
          begin,
          piece,
          (bytes) => onProgress(Math.min(1, (begin + bytes) / file.size)),
          signal,
        );
        failures = 0;
      } catch (error) {
        failures += 1;
        if (!isPassing(error) || failures >= PATIENCE) throw error;
        await calls.pause(backoff_ms(failures));
        if (signal.aborted) throw new TransferCancelled();
        offset = await calls.received(id).catch(() => begin);
        if (offset > begin) failures = 0;
      }
    }
  } catch (error) {
    void calls.giveUp(id).catch(() => undefined);
    throw error;
  }
}
