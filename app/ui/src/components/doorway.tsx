/** The frame of the pages before anybody is signed in. */
import { useEffect, type ReactNode } from "react";

import { Wordmark } from "@/components/wordmark";
import { t } from "@/lib/messages";

export function Doorway({ title, subtitle, children }: { title: string; subtitle: string; children: ReactNode }) {
  useEffect(() => {
    document.title = t("page.title", { title });
  }, [title]);
  return (
    <main className="grid min-h-dvh place-items-center px-4 py-10">
      <div className="w-full max-w-[25rem]">
        <Wordmark className="mb-9" />
        <h1 className="text-[26px] leading-tight font-semibold tracking-[-0.02em]">{title}</h1>
        <p className="mt-1.5 mb-7 text-soft text-pretty">{subtitle}</p>
        {children}
      </div>
    </main>
  );
}
