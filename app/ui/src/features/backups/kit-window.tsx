/** The recovery kit, for who says again who they are: a file, and a page to print. */
import { useState } from "react";

import { Field } from "@/components/field";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Dialog, DialogTrigger, DialogWindow } from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";

import { useKit } from "./api";
import { t } from "./messages";

function save(content: string, kind: string, name: string | null): void {
  const address = URL.createObjectURL(new Blob([content], { type: kind }));
  const link = Object.assign(document.createElement("a"), { href: address, target: "_blank", rel: "noopener" });
  if (name !== null) link.download = name;
  link.click();
  // A new tab has read it long before.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

export function KitWindow() {
  const [password, setPassword] = useState("");
  const kit = useKit();
  const forget = (isOpen: boolean): void => {
    if (isOpen) return;
    setPassword("");
    kit.reset();
  };
  return (
    <Dialog onOpenChange={forget}>
      <DialogTrigger asChild>
        <Button size="sm">{t("kit.get")}</Button>
      </DialogTrigger>
      <DialogWindow
        heading={t("kit.heading")}
        description={t("kit.why")}
        className={kit.data ? "sm:w-[min(92vw,46rem)]" : ""}
      >
        <div className="space-y-4 overflow-y-auto px-5 pb-5">
          {kit.data ? (
            <>
              <pre className="rounded-lg bg-sunken p-3 font-mono text-xs whitespace-pre-wrap wrap-anywhere">
                {kit.data.text}
              </pre>
              <div className="flex justify-end gap-2">
                <Button onClick={() => save(kit.data.page, "text/html", null)}>{t("kit.page")}</Button>
                <Button variant="primary" onClick={() => save(kit.data.text, "text/plain", "studio-recovery-kit.txt")}>
                  {t("kit.text")}
                </Button>
              </div>
            </>
          ) : (
            <form
              className="space-y-4"
              onSubmit={(event) => {
                event.preventDefault();
                kit.mutate(password);
              }}
            >
              {kit.error ? <ProblemNote error={kit.error} /> : null}
              <Field label={t("kit.password")}>
                {(control) => (
                  <Input
                    {...control}
                    type="password"
                    required
                    autoComplete="current-password"
                    value={password}
                    onChange={(event) => setPassword(event.target.value)}
                  />
                )}
              </Field>
              <div className="flex justify-end">
                <Button type="submit" variant="primary" isBusy={kit.isPending}>
                  {t("kit.show")}
                </Button>
              </div>
            </form>
          )}
        </div>
      </DialogWindow>
    </Dialog>
  );
}
