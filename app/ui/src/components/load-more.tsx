/** The next page of a list, on request. */
import { Button } from "@/components/ui/button";
import { t } from "@/lib/messages";

/** What an infinite query says of itself. */
type Paged = { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => Promise<unknown> };

export function LoadMore({ list }: { list: Paged }) {
  if (!list.hasNextPage) return null;
  return (
    <div className="mt-4 flex justify-center">
      <Button isBusy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
        {t("common.more")}
      </Button>
    </div>
  );
}
