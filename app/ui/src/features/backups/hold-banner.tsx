/** Over every page of a box that was restored: it waits for somebody to say go. */
import { useQuery } from "@tanstack/react-query";
import { PauseCircle } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";

import { Button } from "@/components/ui/button";
import { ConfirmWindow } from "@/components/ui/dialog";
import { dateTime } from "@/lib/format";
import { useMe } from "@/lib/me";
import { asProblem } from "@/lib/problem";

import { holdQuery, useRelease } from "./api";
import { t } from "./messages";

export function HoldBanner() {
  const { user } = useMe();
  const [isAsking, setAsking] = useState(false);
  const release = useRelease();
  const hold = useQuery(holdQuery).data?.hold;
  if (!hold) return null;
  return (
    <div
      role="alert"
      className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-border bg-waiting-soft px-4 py-2.5"
    >
      <PauseCircle className="size-5 shrink-0 text-waiting" aria-hidden />
      <div className="min-w-0 flex-1 text-[13px]">
        <p className="font-medium">{t("hold.heading")}</p>
        <p className="text-soft">{t("hold.body", { moment: dateTime(hold.moment) })}</p>
      </div>
      {user.is_super_admin ? (
        <Button size="sm" isBusy={release.isPending} onClick={() => setAsking(true)}>
          {t("hold.release")}
        </Button>
      ) : null}
      <ConfirmWindow
        isOpen={isAsking}
        onOpenChange={setAsking}
        heading={t("hold.sure")}
        body={t("hold.sure_body")}
        action={t("hold.release")}
        onConfirm={() => release.mutate(undefined, { onError: (error) => void toast.error(asProblem(error).message) })}
      />
    </div>
  );
}
