/** The next page of a list, on request. */
import { Button } from "@/components/ui/button";
import { t } from "@/lib/messages";

export function LoadMore({ hasMore, isLoading, onMore }: { hasMore: boolean; isLoading: boolean; onMore: () => void }) {
  if (!hasMore) return null;
  return (
    <div className="mt-4 flex justify-center">
      <Button isBusy={isLoading} onClick={onMore}>
        {t("common.more")}
      </Button>
    </div>
  );
}
