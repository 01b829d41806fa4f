/** The sign of the house. */
import { cn } from "@/lib/cn";
import { t } from "@/lib/messages";

export function Wordmark({ className }: { className?: string }) {
  return (
    <div className={cn("flex items-center gap-2.5", className)}>
      <img src="/favicon.svg" alt="" className="size-7" />
      <span className="text-[15px] font-semibold tracking-[-0.01em]">{t("app.name")}</span>
    </div>
  );
}
