/** Files on their way to the server: small ones travel whole, large ones in pieces. */
import { api, take } from "@/lib/api";
import { sendInPieces, type Handlers, type Pieces } from "@/lib/pieces";
import { transfer } from "@/lib/transfer";
import type { Asset } from "@/lib/types";

/** Up to this size a file travels in one request. */
const WHOLE_BYTES = 16_000_000;

const overHttp: Pieces = {
  start: (file) => take(api.POST("/api/v1/assets/uploads", { body: { name: file.name, size_bytes: file.size } })),
  received: async (id) =>
    (await take(api.GET("/api/v1/assets/uploads/{upload_id}", { params: { path: { upload_id: id } } }))).received_bytes,
  send: async (id, offset, piece, onSent, signal) => {
    const answer = await transfer({
      method: "PATCH",
      path: `/api/v1/assets/uploads/${id}`,
      body: piece,
      headers: { "Content-Type": "application/octet-stream", "Upload-Offset": String(offset) },
      onSent,
      signal,
    });
    return (answer as { received_bytes: number }).received_bytes;
  },
  finish: (id) => take(api.POST("/api/v1/assets/uploads/{upload_id}/finish", { params: { path: { upload_id: id } } })),
  giveUp: (id) => take(api.DELETE("/api/v1/assets/uploads/{upload_id}", { params: { path: { upload_id: id } } })),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

async function sendWhole(file: File, { onProgress, signal }: Handlers): Promise<Asset> {
  const body = new FormData();
  body.append("file", file, file.name);
  const onSent = (bytes: number): void => onProgress(Math.min(1, bytes / file.size));
  return (await transfer({ method: "POST", path: "/api/v1/assets", body, onSent, signal })) as Asset;
}

/** Raises TransferCancelled or a Problem. */
export function upload(file: File, handlers: Handlers): Promise<Asset> {
  return file.size > WHOLE_BYTES ? sendInPieces(file, handlers, overHttp) : sendWhole(file, handlers);
}
