/** The address and the secret of a webhook, the one time they can be seen. */
import { CopyField } from "@/components/copy-field";
import { Button } from "@/components/ui/button";
import { Dialog, DialogWindow } from "@/components/ui/dialog";
import type { WebhookShown } from "@/lib/types";

import { t } from "./messages";

function secretHint({ auth }: WebhookShown): string {
  switch (auth.kind) {
    case "header":
      return t("once.secret_header", { name: auth.name ?? "" });
    case "basic":
      return t("once.secret_basic", { name: auth.username });
    default:
      return t("once.secret_key");
  }
}

/** A call that works when it is pasted, where that can be said in a line. */
function command({ url, secret, auth, accepts, methods }: WebhookShown): string | null {
  if (url === null) return null;
  const method = methods[0] ?? "POST";
  const proof =
    auth.kind === "header" && secret !== null
      ? ` -H '${auth.name ?? ""}: ${secret}'`
      : auth.kind === "basic" && secret !== null
        ? ` -u '${auth.username}:${secret}'`
        : "";
  if (auth.kind !== "none" && proof === "") return null;
  const body = {
    json: ` -H 'Content-Type: application/json' -d '{}'`,
    form: ` -d 'name=value'`,
    text: ` -H 'Content-Type: text/plain' -d 'words'`,
    file: ` -F 'file=@photo.jpg'`,
  }[accepts];
  return `curl -X ${method} ${url}${proof}${method === "GET" ? "" : body}`;
}

export function ShownOnce({ shown, onDone }: { shown: WebhookShown | null; onDone: () => void }) {
  if (shown === null || (shown.url === null && shown.secret === null)) return null;
  const line = command(shown);
  return (
    <Dialog open onOpenChange={(isOpen) => (isOpen ? undefined : onDone())}>
      <DialogWindow
        heading={t("once.heading", { name: shown.name })}
        description={t("once.description")}
        // A click beside the window must not take away what cannot be seen again.
        onInteractOutside={(event) => event.preventDefault()}
      >
        <div className="min-h-0 space-y-4 overflow-y-auto px-5 pb-5">
          {shown.url === null ? null : <CopyField label={t("once.url")} value={shown.url} />}
          {shown.secret === null ? null : (
            <CopyField label={t("once.secret")} value={shown.secret} hint={secretHint(shown)} />
          )}
          {line === null ? null : <CopyField label={t("once.try")} value={line} />}
        </div>
        <footer className="flex justify-end border-t border-border px-5 py-3">
          <Button variant="primary" onClick={onDone}>
            {t("once.done")}
          </Button>
        </footer>
      </DialogWindow>
    </Dialog>
  );
}
