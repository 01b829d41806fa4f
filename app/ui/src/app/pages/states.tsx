/** The pages that stand in for another: nothing there, something wrong, not there yet. */
import { Link, type ErrorComponentProps } from "@tanstack/react-router";
import { useQueryErrorResetBoundary } from "@tanstack/react-query";
import { Compass } from "lucide-react";

import { t } from "@/app/messages";
import { Empty, Page } from "@/components/page";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { asProblem } from "@/lib/problem";

export function NotFoundPage() {
  return (
    <Page title={t("missing.title")}>
      <Empty
        icon={Compass}
        heading={t("missing.heading")}
        body={t("missing.body")}
        action={
          <Button asChild variant="primary">
            <Link to="/workflows">{t("missing.home")}</Link>
          </Button>
        }
      />
    </Page>
  );
}

export function ErrorPage({ error, reset }: ErrorComponentProps) {
  const queries = useQueryErrorResetBoundary();
  if (asProblem(error).status === 404) return <NotFoundPage />;
  return (
    <Page title={t("problem.page")}>
      <ProblemNote error={error}>
        <Button
          size="sm"
          className="mt-3"
          onClick={() => {
            queries.reset();
            reset();
          }}
        >
          {t("common.retry")}
        </Button>
      </ProblemNote>
    </Page>
  );
}

/** A page of grey while its data is on the way. */
export function PendingPage() {
  return (
    <div className="mx-auto w-full max-w-5xl px-4 pt-5 sm:px-7 sm:pt-7" role="status" aria-label={t("common.loading")}>
      <Skeleton className="mb-2 h-7 w-52" />
      <Skeleton className="mb-6 h-4 w-72" />
      <Skeleton className="h-64 rounded-xl" />
    </div>
  );
}
