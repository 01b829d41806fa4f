/** Uploads with progress: `fetch` cannot tell how far a body has come, so this is an XMLHttpRequest. */
import { asProblem, problemFrom, Problem } from "@/lib/problem";
import { renewSession } from "@/lib/session";
import { t } from "@/lib/messages";
import type { Asset } from "@/lib/types";

export class UploadCancelled extends Error {}

type Handlers = { onProgress: (fraction: number) => void; signal: AbortSignal };

function send(file: File, { onProgress, signal }: Handlers): Promise<Asset> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("file", file, file.name);
    request.open("POST", "/api/v1/assets");
    request.setRequestHeader("Accept", "application/json, application/problem+json");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText) as Asset);
      else reject(problemFrom(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    };
    request.onerror = () => reject(new Problem({ status: 0, detail: t("upload.broken"), remedy: t("upload.broken_remedy") }));
    request.onabort = () => reject(new UploadCancelled());
    signal.addEventListener("abort", () => request.abort(), { once: true });
    if (signal.aborted) reject(new UploadCancelled());
    else request.send(body);
  });
}

/** Raises UploadCancelled or a Problem. */
export async function upload(file: File, handlers: Handlers): Promise<Asset> {
  try {
    return await send(file, handlers);
  } catch (error) {
    if (error instanceof Problem && error.status === 401 && (await renewSession())) return send(file, handlers);
    throw error instanceof UploadCancelled ? error : asProblem(error);
  }
}

/** Runs at most `limit` jobs at a time, in the order they came. */
export function lane(limit: number): <T>(job: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (job) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    running += 1;
    try {
      return await job();
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
}
