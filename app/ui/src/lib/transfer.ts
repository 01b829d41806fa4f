/** One request with a body whose way up can be watched: `fetch` cannot tell how far it has come. */
import { t } from "@/lib/messages";
import { Problem, problemFrom } from "@/lib/problem";
import { renewSession } from "@/lib/session";

export class TransferCancelled extends Error {}

export type Transfer = {
  method: "POST" | "PATCH";
  path: string;
  body: FormData | Blob;
  headers?: Readonly<Record<string, string>>;
  onSent: (bytes: number) => void;
  signal: AbortSignal;
};

function send({ method, path, body, headers, onSent, signal }: Transfer): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    request.setRequestHeader("Accept", "application/json, application/problem+json");
    for (const [name, value] of Object.entries(headers ?? {})) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onSent(event.loaded);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(problemFrom(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    };
    request.onerror = () =>
      reject(new Problem({ status: 0, detail: t("upload.broken"), remedy: t("upload.broken_remedy") }));
    request.onabort = () => reject(new TransferCancelled());
    signal.addEventListener("abort", () => request.abort(), { once: true });
    if (signal.aborted) reject(new TransferCancelled());
    else request.send(body);
  });
}

/** The decoded answer. Raises TransferCancelled or a Problem. */
export async function transfer(order: Transfer): Promise<unknown> {
  try {
    return await send(order);
  } catch (error) {
    if (error instanceof Problem && error.status === 401 && (await renewSession())) return send(order);
    throw error;
  }
}
