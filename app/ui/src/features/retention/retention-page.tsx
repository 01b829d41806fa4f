/** The terms of the organization beside what they would take; below, for whoever runs the box, its bytes. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { toast } from "sonner";

import { Page } from "@/components/page";
import { ProblemNote } from "@/components/problem-note";
import { Skeleton } from "@/components/ui/skeleton";
import { useMe } from "@/lib/me";

import { retentionQuery, useChoose, type Terms } from "./api";
import { BytesCard } from "./bytes-card";
import { t } from "./messages";
import { PreviewCard } from "./preview-card";
import { TermsForm } from "./terms-form";

export function RetentionPage() {
  const { user } = useMe();
  const kept = useQuery(retentionQuery);
  const choose = useChoose();
  const [tried, setTried] = useState<Terms | null>(null);

  function save(terms: Terms): void {
    choose.mutate(terms, {
      onSuccess: () => {
        setTried(null);
        toast.success(t("retention.saved"));
      },
    });
  }

  return (
    <Page title={t("retention.heading")} subtitle={t("retention.subtitle")}>
      {kept.error ? <ProblemNote error={kept.error} /> : null}
      <div className="grid items-start gap-5 lg:grid-cols-2">
        {kept.data ? (
          <TermsForm
            key={JSON.stringify(kept.data.terms)}
            kept={kept.data}
            isSaving={choose.isPending}
            refusal={choose.error}
            onTry={setTried}
            onSave={save}
          />
        ) : (
          <Skeleton className="h-80 rounded-xl" />
        )}
        <div className="space-y-5">
          <PreviewCard terms={tried} />
          {user.is_super_admin ? <BytesCard /> : null}
        </div>
      </div>
    </Page>
  );
}
